# A consumer: reads its own application's secrets, uses the transit key, and changes neither. A verifier of tokens needs
# only secret/data/intelliflow/jwt-jwks.
path "secret/data/intelliflow/*" {
  capabilities = ["read"]
}
path "transit/encrypt/intelliflow-data" {
  capabilities = ["update"]
}
path "transit/decrypt/intelliflow-data" {
  capabilities = ["update"]
}
