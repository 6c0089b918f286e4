#!/bin/sh
# Makes the root of a host out of namespaces, and becomes its first process. Runs as the first
# process of namespaces of its own (pid, mount, uts, ipc, net): whatever it mounts goes with them.
#
#   boot.sh NAME FOLDER SHARED [CGROUP]
#
# FOLDER has the host's disk (disk.img); SHARED is what all hosts see as /testbed, outside of any
# host: the programs, what agents bear witness in, the power switch.
set -e
name=$1 folder=$2 shared=$3 cgroup=$4

# Before anything else is started, so that all of it freezes together.
[ -z "$cgroup" ] || echo $$ > "$cgroup/cgroup.procs"
# The number by which others see this process: /proc is still theirs.
read -r outside _ < /proc/self/stat

mount --make-rprivate /
mkdir -p "$folder/disk" "$folder/root"
# What a power cut left behind is recovered here, as at any boot.
mount -o loop "$folder/disk.img" "$folder/disk"
mkdir -p "$folder/disk/upper" "$folder/disk/work"
root=$folder/root
mount -t overlay overlay \
    -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/lock"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir -p "$root/testbed" "$root/disk"
mount --bind "$shared" "$root/testbed"
mount --bind "$folder/disk" "$root/disk"

hostname "$name"
mkdir -p "$root/usr/lib/ocf/resource.d/testbed"
cp "$shared/agents/Service" "$root/usr/lib/ocf/resource.d/testbed/Service"
cp "$shared/agents/fence_testbed" "$root/usr/sbin/fence_testbed"

cd "$root"
mkdir -p .old
pivot_root . .old
umount -l /.old
exec /testbed/bin/lockstep-testbed host-init "${outside}"
