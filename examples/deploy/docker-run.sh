#!/bin/sh
# Limits that the container's adapter sees, logs that rotate, a grace period that is longer than the drain's.
set -eu
exec docker run --detach --name service --init \
    --memory 512m --memory-reservation 448m --cpus 1.5 --pids-limit 200 \
    --restart on-failure:10 --stop-timeout 15 \
    --log-driver json-file --log-opt max-size=50m --log-opt max-file=5 \
    --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --publish 127.0.0.1:8086:8086 \
    service:latest
