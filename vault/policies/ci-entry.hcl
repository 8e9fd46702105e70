# What a job of one GitHub environment gets beside its stack's policy: its own entry of the vendors' keys, read only.
# ENVIRONMENT stands for the environment's name; docs/ci.md has the command that writes one policy for each.
path "secret/data/ci/ENVIRONMENT" {
  capabilities = ["read"]
}
