"""What a telephone or tablet tells: tables of readings. See `sources`."""

from backstay_core.environments import machine
from backstay_core.environments.health import MACHINE, Rule
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import line, whole
from backstay_core.environments.sources import From, Row

BATTERY = "battery"  # a group of readings

INFO = machine.INFO + (Row("android_api_level", "", "of the interpreter", From("fact:android_api_level", parse=same)),)
_SUPPLY = "/sys/class/power_supply/battery"
_OTHER_SUPPLY = "/sys/class/power_supply/BAT0"
USAGE = machine.USAGE + (
    Row("battery_percent", "%", "charge", From(f"{_SUPPLY}/capacity", parse=whole),
        From(f"{_OTHER_SUPPLY}/capacity", parse=whole), From("psutil:battery", parse=lambda b: b["percent"]),
        group=BATTERY),
    Row("battery_drained_percent", "%", "of the charge that is gone",
        From("=battery_percent", parse=lambda value: 100 - value), group=BATTERY),
    Row("battery_status", "", "charging or not", From(f"{_SUPPLY}/status", parse=line),
        From(f"{_OTHER_SUPPLY}/status", parse=line), group=BATTERY),
)  # fmt: skip
RULES = MACHINE + (Rule("battery", "battery_drained_percent", "%", 80.0, 90.0, 95.0),)
