# A re-encryption that runs apart from the stack: ciphertexts in, ciphertexts out, and never a plaintext.
path "transit/rewrap/intelliflow-data" {
  capabilities = ["update"]
}
path "transit/keys/intelliflow-data" {
  capabilities = ["read"]
}
