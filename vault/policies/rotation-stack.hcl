# The rotation stack: writes secrets, rotates the transit key, re-encrypts. It cannot decrypt, export or delete
# anything, and cannot change what it may do.

# Entries of KV v2: new versions, and what the engine shows of them. No delete, no destroy.
path "secret/data/visapi/*" {
  capabilities = ["create", "update", "patch", "read"]
}
path "secret/metadata/visapi/*" {
  capabilities = ["create", "update", "patch", "read", "list"]
}
path "secret/data/intelliflow/*" {
  capabilities = ["create", "update", "patch", "read"]
}
path "secret/metadata/intelliflow/*" {
  capabilities = ["create", "update", "patch", "read", "list"]
}
# What somebody has deleted behind our back, brought back by `rotate drift --push`.
path "secret/undelete/visapi/*" {
  capabilities = ["update"]
}
path "secret/undelete/intelliflow/*" {
  capabilities = ["update"]
}
# How many versions the mount keeps: the backup of what is about to be replaced.
path "secret/config" {
  capabilities = ["read"]
}

# The audit trail: records are made and never changed; only the head moves. The key signs, and its private half stays here.
path "secret/data/rotation-audit/+/+/log/*" {
  capabilities = ["create", "read"]
}
path "secret/data/rotation-audit/+/+/head" {
  capabilities = ["create", "update", "read"]
}
path "secret/metadata/rotation-audit/*" {
  capabilities = ["list"]
}
path "transit/sign/rotation-audit" {
  capabilities = ["update"]
}
path "transit/keys/rotation-audit" {
  capabilities = ["read"]
}

# The transit key: a new version, its state, and only its minimum among its settings.
path "transit/keys/intelliflow-data" {
  capabilities = ["read"]
}
path "transit/keys/intelliflow-data/rotate" {
  capabilities = ["update"]
}
path "transit/keys/intelliflow-data/config" {
  capabilities = ["update"]
  allowed_parameters = {
    "min_decryption_version" = []
  }
}
path "transit/rewrap/intelliflow-data" {
  capabilities = ["update"]
}

# The vault provider works with a short-lived child of the token it is given.
path "auth/token/create" {
  capabilities = ["update"]
}

# Only where Vault's database engine sets the passwords (kind `vault-static-role`): these roles, nothing of their making.
path "database/static-roles/intelliflow-*" {
  capabilities = ["read"]
}
path "database/static-creds/intelliflow-*" {
  capabilities = ["read"]
}
path "database/rotate-role/intelliflow-*" {
  capabilities = ["update"]
}
