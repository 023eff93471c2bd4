"""What can go wrong with a device, named for what the caller does next."""


class DeviceError(Exception):
    """A device did not do what it was asked. `code` is stable: screens translate it, telemetry counts it."""

    code = "device-error"


class Unreachable(DeviceError):
    """No conversation is possible: wrong address, unplugged, gone. The supervisor reopens; the user looks at cables."""

    code = "unreachable"


class Refused(DeviceError):
    """The device answered no, or has no such control or input, or the password is wrong. Trying again is no use."""

    code = "refused"


class NotNow(DeviceError):
    """Not in this state: standby, warming, cooling. Trying later is right."""

    code = "not-now"


class Timeout(DeviceError):
    """It accepted the command and did not confirm in time, or did not answer at all. The conversation is over."""

    code = "timeout"


class BadReply(DeviceError):
    """It answered something that its protocol does not allow. The conversation is over."""

    code = "bad-reply"
