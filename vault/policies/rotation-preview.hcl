# Jobs that look: previews, notices and the nightly audit. The same reads as `rotation-stack`, and not one write, since
# pull requests run such a job with their own code.

path "secret/data/visapi/*" {
  capabilities = ["read"]
}
path "secret/metadata/visapi/*" {
  capabilities = ["read", "list"]
}
path "secret/data/intelliflow/*" {
  capabilities = ["read"]
}
path "secret/metadata/intelliflow/*" {
  capabilities = ["read", "list"]
}
path "secret/config" {
  capabilities = ["read"]
}

# The audit trail and the public keys by which it is verified.
path "secret/data/rotation-audit/*" {
  capabilities = ["read"]
}
path "secret/metadata/rotation-audit/*" {
  capabilities = ["list"]
}
path "transit/keys/rotation-audit" {
  capabilities = ["read"]
}
path "transit/keys/intelliflow-data" {
  capabilities = ["read"]
}

path "database/static-roles/intelliflow-*" {
  capabilities = ["read"]
}
path "database/static-creds/intelliflow-*" {
  capabilities = ["read"]
}

# The vault provider works with a short-lived child of the token it is given.
path "auth/token/create" {
  capabilities = ["update"]
}
