# Boot script of refos, run by U-Boot's distro boot from the partition BOOT. Made by bootlab.
# It takes a slot from BOOT_ORDER whose BOOT_x_LEFT is not 0, counts that down on disk, and only then starts
# the slot: one that does not mark itself good runs out of attempts. lab/refos/build/env.py has the format.
# U-Boot's numbers are hexadecimal.
setenv BOOT_ORDER A B
setenv BOOT_A_LEFT 3
setenv BOOT_B_LEFT 3
setenv BOOT_WATCHDOG 0x3c
setenv BOOT_ARGS
setenv refos_names BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT BOOT_WATCHDOG BOOT_ARGS

# Memory: a copy as it is on disk, and the same without its counter, which is what `env import` knows
setexpr refos_disk ${kernel_addr_r} + 0
setexpr refos_flag ${kernel_addr_r} + 4
setexpr refos_disk_data ${kernel_addr_r} + 5
setexpr refos_copy ${kernel_addr_r} + 2000
setexpr refos_copy_data ${kernel_addr_r} + 2004
part start ${devtype} ${devnum} ENV refos_first
setexpr refos_second ${refos_first} + 400
setenv refos_read '${devtype} read ${refos_disk} ${refos_at} 8; cp.b ${refos_disk} ${refos_copy} 4; cp.b ${refos_disk_data} ${refos_copy_data} ffb; env import -c ${refos_copy} fff ${refos_names}'
setenv refos_save 'env export -c -s fff ${refos_copy} ${refos_names}; cp.b ${refos_copy} ${refos_disk} 4; cp.b ${refos_copy_data} ${refos_disk_data} ffb; mw.b ${refos_flag} ${refos_count}; ${devtype} write ${refos_disk} ${refos_older} 8; setenv refos_at ${refos_older}; setenv refos_older ${refos_newer}; setenv refos_newer ${refos_at}; setexpr refos_count ${refos_count} + 1; setexpr refos_count ${refos_count} % 100'

setenv refos_count_1
setenv refos_count_2
setenv refos_at ${refos_first}
if run refos_read; then setexpr.b refos_count_1 *${refos_flag}; fi
setenv refos_at ${refos_second}
if run refos_read; then setexpr.b refos_count_2 *${refos_flag}; fi
setenv refos_newer ${refos_first}
setenv refos_older ${refos_second}
if test -z "${refos_count_1}" -a -z "${refos_count_2}"; then
  echo "refos: no copy of the boot environment is whole: slot A first"
  setenv refos_count 1
else
  if test -n "${refos_count_1}" -a -n "${refos_count_2}"; then
    setexpr refos_count ${refos_count_1} + 1
    setexpr refos_count ${refos_count} % 100
    if itest ${refos_count_2} == ${refos_count}; then setenv refos_count_1; fi
  fi
  if test -z "${refos_count_1}"; then
    setenv refos_newer ${refos_second}
    setenv refos_older ${refos_first}
    setenv refos_count_1 ${refos_count_2}
  fi
  setexpr refos_count ${refos_count_1} + 1
  setexpr refos_count ${refos_count} % 100
  setenv refos_at ${refos_newer}
  run refos_read
fi

# The watchdog of QEMU (Intel 6300ESB) runs from here on: what hangs before the kernel's driver is there is
# reset, too. Two stages, each of half the seconds, counted in 1/1024 s; every write needs its key before it.
setenv refos_arm '
if fdt addr ${fdtcontroladdr} && fdt get addr refos_reg /pcie@10000000 reg; then
  setenv refos_ecam 0
  for refos_byte in 0 1 2 3 4 5 6 7; do
    setexpr refos_ecam ${refos_ecam} * 100
    setexpr.b refos_value *${refos_reg}
    setexpr refos_ecam ${refos_ecam} + ${refos_value}
    setexpr refos_reg ${refos_reg} + 1
  done
  for refos_device in 1 2 3 4 5 6 7 8 9 a b c d e f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f; do
    setexpr refos_config ${refos_device} * 8000
    setexpr refos_config ${refos_config} + ${refos_ecam}
    setexpr.l refos_id *${refos_config}
    if itest ${refos_id} == 25ab8086; then
      setexpr refos_bar ${refos_config} + 10
      setexpr.l refos_bar *${refos_bar}
      setexpr refos_stage ${refos_bar} + 4
      setexpr refos_key ${refos_bar} + c
      setexpr refos_lock ${refos_config} + 68
      setexpr refos_ticks ${BOOT_WATCHDOG} * 200
      mw.w ${refos_key} 80; mw.w ${refos_key} 86; mw.l ${refos_bar} ${refos_ticks}
      mw.w ${refos_key} 80; mw.w ${refos_key} 86; mw.l ${refos_stage} ${refos_ticks}
      mw.b ${refos_lock} 2
      echo "refos: watchdog armed, ${BOOT_WATCHDOG} s"
    fi
  done
fi'

setenv refos_start '
echo "refos: booting slot ${refos_slot}; attempts left: A ${BOOT_A_LEFT}, B ${BOOT_B_LEFT}"
run refos_save
if part number ${devtype} ${devnum} SLOT-${refos_slot} refos_part; then
  setenv refos_from ${devtype} ${devnum}:${refos_part}
  if load ${refos_from} ${ramdisk_addr_r} /boot/Image.gz && unzip ${ramdisk_addr_r} ${kernel_addr_r}; then
    if load ${refos_from} ${ramdisk_addr_r} /boot/initrd.gz; then
      setenv bootargs earlycon panic=5 ${BOOT_ARGS} refos.slot=${refos_slot} refos.watchdog=${BOOT_WATCHDOG}
      run refos_arm
      booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}
    fi
  fi
fi
echo "refos: slot ${refos_slot} does not load"'

for refos_slot in ${BOOT_ORDER}; do
  if test "${refos_slot}" = A -a "${BOOT_A_LEFT}" -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    run refos_start
  fi
  if test "${refos_slot}" = B -a "${BOOT_B_LEFT}" -gt 0; then
    setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
    run refos_start
  fi
done
if test "${BOOT_A_LEFT}" = 0 -a "${BOOT_B_LEFT}" = 0; then
  echo "refos: no attempts left in either slot: counting anew, and trying the network first"
  setenv BOOT_A_LEFT 3
  setenv BOOT_B_LEFT 3
  run refos_save
  setenv netretry no
  run bootcmd_dhcp
fi
echo "refos: nothing boots: reset"
reset
