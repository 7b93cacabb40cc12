#!/usr/bin/env bash
# Start a run of one integration on the real deployment, and wait for its end.
# Exit 0: every table was replaced, a person wants the integration to rest, or
# its API key was never added (then nothing is started).
#
# Usage: infra/smoke_test.sh [INTEGRATION [MINUTES]], where the state is.
# Needs gcloud, and the right to publish to the topic and to read logs; whoever
# may also list a secret's versions is told when there is no key yet.
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

# A key that was disabled or destroyed is a fault, which the run shows.
keys=$(gcloud secrets versions list "$integration-kustomer-api-key" \
  --project="$project" --limit=1 --format='value(name)' 2>/dev/null) || keys=unknown
if [ -z "$keys" ]; then
  echo "no key yet: run this with the API key in KEY, then this script once more"
  read_output key_commands "[\"$integration\"]"
  exit 0
fi

message_id=$(gcloud pubsub topics publish "$topic" --project="$project" \
  --message="{\"integration\": \"$integration\", \"trigger\": \"manual\"}" \
  --format='value(messageIds[0])')
echo "a run of $integration is triggered, waiting up to $minutes minutes"

# A run is named by the message that started it.
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
echo "no end within $minutes minutes; terraform output links has the logs" >&2
exit 1
