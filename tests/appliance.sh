#!/bin/sh
# A rack appliance: namespaces of its own, this machine's files as they are beneath a layer that is gone at the end, and systemd as
# its process 1. Nothing that happens in it is seen outside: users, packages and services are its own.
#   appliance.sh FOLDER NAME CGROUP COMMAND…
# FOLDER is an empty one to build it in, CGROUP one to make for its services, COMMAND its process 1.
set -e
# Where programs of the system lie on Debian, which are in root's path only.
PATH="$PATH:/usr/sbin:/sbin"
if [ -z "$APPLIANCE_INSIDE" ]; then
    mkdir "$3"
    echo $$ > "$3/cgroup.procs"
    # It ends with whoever started it. What would change the machine itself (clock, modules, power) is out of its reach.
    APPLIANCE_INSIDE=1 exec setpriv --pdeathsig KILL --bounding-set=-sys_time,-sys_module,-sys_boot,-sys_rawio \
        unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child sh "$0" "$@"
fi
folder=$1 name=$2
shift 3
mount --make-rprivate /
mount -t tmpfs -o mode=755 appliance "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" appliance "$folder/root"
cd "$folder/root"
mount -t proc proc proc
# What is set there is set for the whole machine.
mount --bind -o ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir run/machine
pivot_root . run/machine
umount --lazy /run/machine
rmdir /run/machine
cd /
hostname "$name"
echo "$name" > /etc/hostname
ip link set lo up
# Nothing that this machine starts by itself.
rm -rf /etc/systemd/system/* /var/lib/systemd/*
: > /etc/machine-id
# The index of all manuals takes longer than all else that dpkg does, and nobody looks into it.
rm -f /var/lib/man-db/auto-update
export container=test
unset APPLIANCE_INSIDE
exec "$@"
