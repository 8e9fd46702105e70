#!/bin/sh
# What a person's script does for one secret, with the runbook's own commands: openssl makes it, curl writes it to Vault,
# GitHub, Render and Vercel. No clock, no overlap, no check, no memory. Tokens come from files, values by standard input.
#   by-hand.sh <name>      (environment: HEADERS, a folder with a file of headers for each service; GITHUB_URL, and the endpoints)
set -eu
name=$1
value=$(openssl rand -hex 32)
write() { # method, headers, url; the body by standard input
  curl --fail --silent --show-error --retry 50 --retry-max-time 7200 --output /dev/null \
    --request "$1" --header "@$HEADERS/$2" --header 'content-type: application/json' --data @- "$3"
}
printf '{"data":{"value":"%s"}}' "$value" | write POST vault "$VAULT_ADDR/v1/secret/data/by-hand/$name"
# `gh secret set` seals the value for the repository; seal.ts stands in for it.
printf '%s' "$value" | "$NODE" --disable-warning=ExperimentalWarning "$(dirname "$0")/support/seal.ts" |
  write PUT github "$GITHUB_URL/repos/$GITHUB_OWNER/visapi/actions/secrets/$name"
printf '{"value":"%s"}' "$value" | write PUT render "$RENDER_API_URL/services/$RENDER_SERVICE_ID/env-vars/$name"
printf '{"key":"%s","value":"%s","type":"sensitive","target":["production"]}' "$name" "$value" |
  write POST vercel "$VERCEL_API_URL/v10/projects/$VERCEL_PROJECT_ID/env?upsert=true"
