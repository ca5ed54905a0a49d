#!/bin/sh
# fw_printenv and fw_setenv, as libubootenv has them, for GRUB's environment in its sector of ENV.
# A sector is written whole or not at all: all changes of one call are there, or none.
block=/dev/refos/env
sector=@SECTOR@
magic="# GRUB Environment Block"

variables() { dd if=$block bs=512 skip=$sector count=1 2>/dev/null | grep '^[A-Za-z_][A-Za-z0-9_]*='; }

if [ "${0##*/}" = fw_printenv ]; then
    [ $# -gt 0 ] || { variables; exit 0; }
    for name; do
        variables | grep "^$name=" || { echo "## Error: \"$name\" not defined" >&2; exit 1; }
    done
    exit 0
fi

if [ "$1" = -s ]; then changes=$(cat); elif [ $# -gt 0 ]; then changes="$1=$2"; else exit 1; fi
new=$({ variables; echo "$changes"; } | awk '
    { at = index($0, "="); if (at > 1) { name = substr($0, 1, at - 1); value[name] = substr($0, at + 1) } }
    END { for (name in value) if (value[name] != "") print name "=" value[name] }' | sort)
text="$magic
$new
"
room=$((512 - ${#text}))
[ $room -ge 0 ] || { echo "fw_setenv: the boot environment is full" >&2; exit 1; }
{ printf %s "$text"; head -c $room /dev/zero | tr '\0' '#'; } | dd of=$block bs=512 seek=$sector count=1 iflag=fullblock conv=notrunc,fsync 2>/dev/null
