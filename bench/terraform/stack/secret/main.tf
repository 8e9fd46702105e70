terraform {
  required_providers {
    random = {
      source = "hashicorp/random"
    }
    time = {
      source = "hashicorp/time"
    }
    vault = {
      source = "hashicorp/vault"
    }
  }
}

variable "name" {
  type        = string
  description = "The secret's name, and the last part of its path in Vault."
}

resource "time_rotating" "clock" {
  rotation_days = 30
}

# 64 hexadecimal digits, as bench/programs/many has them.
resource "random_password" "value" {
  length           = 64
  upper            = false
  lower            = false
  special          = true
  override_special = "abcdef"
  keepers = {
    window = time_rotating.clock.rfc3339
  }
}

resource "vault_kv_secret_v2" "secret" {
  mount     = "secret"
  name      = "terraform/${var.name}"
  data_json = jsonencode({ value = random_password.value.result })
}
