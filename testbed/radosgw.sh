#!/bin/bash
# testbed/radosgw.sh COMMAND...: runs a command whose tests use radosgw, the S3 server of Ceph.
#
# Starts Ceph on 127.0.0.1 with its objects in memory (2 GiB at most) and its files in a temporary folder. The tests start
# their own radosgw over it, which they can stop: RADOSGW_CONF names the configuration. Afterwards Ceph is stopped, and
# the folder removed. Installs Debian's packages if they are missing; only that needs root.
set -euo pipefail

if ! type radosgw ceph-mon ceph-osd >/dev/null 2>&1; then
  echo "radosgw.sh: installing Ceph with apt-get" >&2
  as_root=$([ "$(id -u)" = 0 ] || command -v sudo) || true
  # RUNLEVEL=1 prevents Debian from starting services on installation.
  { $as_root apt-get update -qq && $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd >&2; } || {
    echo "radosgw.sh: Ceph could not be installed: as root, apt-get install radosgw ceph-mon ceph-osd" >&2; exit 1; }
fi

folder=$(mktemp -d)
export CEPH_CONF=$folder/ceph.conf
finish() {
  status=$?
  [ -e "$folder/started" ] || { echo "radosgw.sh: Ceph did not start:" >&2; tail -n 20 "$folder"/*.log >&2; }
  # A test that was killed leaves its radosgw behind.
  for process in $(jobs -p) $(grep -lsaF "$CEPH_CONF" /proc/[0-9]*/cmdline | cut -d/ -f3); do
    kill "$process" 2>/dev/null || true
  done
  wait
  rm -rf "$folder"
  exit $status
}
trap finish EXIT

fsid=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$CEPH_CONF" <<END
[global]
fsid = $fsid
mon_host = v2:127.0.0.1:$port/0
public_addr = 127.0.0.1
# There is no authentication between the daemons, so their messages are not encrypted either.
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
keyring = /dev/null
admin_socket =
run_dir = $folder
log_file = $folder/\$name.\$pid.log
mon_cluster_log_file = $folder/cluster.log
mon_data = $folder/mon
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
osd_data = $folder/osd
osd_objectstore = memstore
memstore_device_bytes = 1G
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_pg_num = 2
osd_pool_default_pg_autoscale_mode = off
rgw_data = $folder
rgw_thread_pool_size = 32
# With a cache, a change of a bucket waits half a minute for a radosgw that a test killed.
rgw_cache_enabled = false
# Parts of deleted objects are removed after seconds, not hours.
rgw_gc_obj_min_wait = 10
rgw_gc_processor_period = 10
END
mkdir "$folder/mon" "$folder/osd"
{
  monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$port/0]" "$folder/monmap"
  ceph-mon -i a --mkfs --monmap "$folder/monmap"
  ceph-mon -i a -f &
  timeout 60 ceph osd new "$osd"
  ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  ceph-osd -i 0 -f &
  # The keys of S3Server in src/s3.rs.
  timeout 120 radosgw-admin user create --uid zkflow --display-name zkflow --access-key zkflow-test \
    --secret-key "not a secret: it opens a folder that is deleted after the test"
} >"$folder/start.log" 2>&1
touch "$folder/started"
echo "radosgw.sh: $(radosgw --version)" >&2

RADOSGW_CONF=$CEPH_CONF "$@"
