"""Run by Debian's Python with cloud-init's modules: reads the network seed as cloud-init does at boot."""

import json
import sys

from cloudinit import distros, helpers
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloudNet

folder = sys.argv[1]
config = {"datasource": {"NoCloud": {"fs_label": None}}}  # leave this host's disks alone
paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder})
source = DataSourceNoCloudNet(config, distros.fetch("debian")("debian", config, paths), paths)
source.ds_cfg["fs_label"] = None
found = source._get_data()
print(
    json.dumps(
        {
            "found": found,
            "meta": source.metadata,
            "user": (source.userdata_raw or b"").decode(),
            "vendor": (source.vendordata_raw or b"").decode(),
        }
    )
)
