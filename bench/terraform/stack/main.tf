# For measurements: as many secrets as asked for, each a clock, a value and Vault's copy of it, in one state.
# A module for each, since `-target` takes all instances of whatever a target depends on, and of a module only its own.
terraform {
  required_providers {
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
    vault = {
      source  = "hashicorp/vault"
      version = "~> 5.0"
    }
  }
}

variable "secrets" {
  type        = number
  description = "How many."
}

# Address and token are in VAULT_ADDR and VAULT_TOKEN.
provider "vault" {}

module "secret" {
  source   = "./secret"
  for_each = toset([for at in range(var.secrets) : format("SECRET_%04d", at)])
  name     = each.key
}
