#!/bin/sh
# Runs a command where nothing leaves: in a network namespace of its own, which this script is started in. Loopback is up,
# and everything else goes out on `out0`, whose other end nobody listens at: every frame is counted there.
set -e
# Where `ip` lies on Debian, which is in root's path only.
PATH="$PATH:/usr/sbin:/sbin"
ip link set lo up
ip link add out0 type veth peer name wire0
# What the kernel says by itself when an interface comes up is kept short.
echo 1 > /proc/sys/net/ipv6/conf/wire0/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/out0/addr_gen_mode
echo 0 > /proc/sys/net/ipv6/conf/out0/router_solicitations
echo 10 > /proc/sys/net/ipv6/conf/out0/mldv2_unsolicited_report_interval
ip link set wire0 up
ip link set out0 up
# Addresses of documentation, which are nobody's.
ip addr add 192.0.2.1/24 dev out0
ip -6 addr add 2001:db8::1/64 dev out0 nodad
ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev out0 nud permanent
ip -6 neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev out0 nud permanent
ip route add default via 192.0.2.2
ip -6 route add default via 2001:db8::2
exec "$@"
