#!/usr/bin/env bash
# Start a run of one integration on the real deployment, and wait for its end.
# Exit 0: every table was replaced, the integration is paused or deleted, or its
# API key was never added (then no run is started).
#
# Usage: infra/smoke_test.sh [INTEGRATION [MINUTES]], in the directory with the
# Terraform state. Needs gcloud, and the rights to publish to the topic and to
# read logs. With the right to list a secret's versions it can also tell that
# there is no key yet.
set -euo pipefail
cd "$(dirname "$0")/.."

outputs=$("${TERRAFORM:-terraform}" output -json)
read_output() { # OUTPUT [KEY, as Python writes it]
  python3 -c "import json, sys; print(json.loads(sys.argv[1])['$1']['value']$2)" "$outputs"
}
project=$(read_output deployment '["project_id"]')
topic=$(read_output deployment '["topic"]')
function=$(read_output deployment '["function"]')
integration=${1:-$(read_output deployment '["integrations"][0]')}
minutes=${2:-30}

# A disabled or destroyed key counts as a key here: the run reports that.
keys=$(gcloud secrets versions list "$integration-kustomer-api-key" \
  --project="$project" --limit=1 --format='value(name)' 2>/dev/null) || keys=unknown
if [ -z "$keys" ]; then
  echo "there is no API key yet: run this command with the key in KEY, then run this script again"
  read_output key_commands "[\"$integration\"]"
  exit 0
fi

message_id=$(gcloud pubsub topics publish "$topic" --project="$project" \
  --message="{\"integration\": \"$integration\", \"trigger\": \"manual\"}" \
  --format='value(messageIds[0])')
echo "started a run of $integration, waiting up to $minutes minutes for its end"

# A run's id ends with the last 8 digits of its first message's id.
ended="resource.type=\"cloud_run_revision\"
  AND resource.labels.service_name=\"$function\"
  AND labels.run_id=~\"-${message_id: -8}$\"
  AND jsonPayload.event=(\"run_finished\" OR \"run_skipped\" OR \"trigger_dropped\")"

for ((attempt = 0; attempt < minutes * 4; attempt++)); do
  sleep 15
  line=$(gcloud logging read "$ended" --project="$project" --order=asc \
    --limit=1 --format='value[separator="|"](jsonPayload.event,
      jsonPayload.colour, jsonPayload.reason, jsonPayload.message)')
  case $line in
    '') ;;
    'run_finished|green|'* | 'run_skipped||paused|'* | 'run_skipped||deleted|'*)
      echo "$line"
      exit 0
      ;;
    *)
      echo "$line" >&2
      exit 1
      ;;
  esac
done
echo "the run did not end within $minutes minutes: open the logs in terraform output links" >&2
exit 1
