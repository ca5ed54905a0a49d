#!/bin/sh
# /dev/refos/<name> for every partition that has one of our names in the GPT. There is no udev here.
mkdir -p /dev/refos
rm -f /dev/refos/*
for event in /sys/class/block/*/uevent; do
    device= label=
    while IFS== read -r key value; do
        case $key in
        DEVNAME) device=$value ;;
        PARTNAME) label=$value ;;
        esac
    done <$event
    case $label in
    BOOT | ENV | SLOT-A | SLOT-B | STATE) ln -sf ../$device /dev/refos/$(echo $label | tr A-Z a-z) ;;
    esac
done
