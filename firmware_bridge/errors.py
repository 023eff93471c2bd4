"""What can go wrong with a device, named for what the caller does next."""


class DeviceError(Exception):
    """A device did not do what it was asked. `code` is stable: screens translate it, telemetry counts it.

    `reason` is the one of the health that a loss by this error means, stable too. Where more is known than the code
    says, a driver raises one of the kinds below, which say it in their reason and are told apart by nothing else.
    """

    code = "device-error"
    reason = "unknown"


class Unreachable(DeviceError):
    """No conversation is possible: wrong address, unplugged, gone. The supervisor reopens; the user looks at cables."""

    code = "unreachable"
    reason = "unreachable"


class Refused(DeviceError):
    """The device answered no, or has no such control or input, or the password is wrong. Trying again is no use."""

    code = "refused"
    reason = "refused"


class NotNow(DeviceError):
    """Not in this state: standby, warming, cooling. Trying later is right."""

    code = "not-now"
    reason = "not-now"


class Timeout(DeviceError):
    """It accepted the command and did not confirm in time, or did not answer at all. The conversation is over."""

    code = "timeout"
    reason = "no-answer"


class BadReply(DeviceError):
    """It answered something that its protocol does not allow. The conversation is over."""

    code = "bad-reply"
    reason = "bad-reply"


class Unplugged(Unreachable):
    """The port went, or is not there."""

    reason = "unplugged"


class PortBusy(Unreachable):
    """Another program holds the port."""

    reason = "busy"


class WrongPassword(Refused):
    """The device wants a password, or another one."""

    reason = "wrong-password"


class WrongFirmware(BadReply):
    """It is alive, and speaks something else than it should: somebody has to flash it."""

    reason = "wrong-firmware"
