#!/bin/sh
# For `udhcpc -s`
[ "$1" = bound ] || exit 0
/bin/ip addr add $ip/$mask dev $interface
