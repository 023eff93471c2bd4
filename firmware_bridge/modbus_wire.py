"""Modbus RTU questions about registers, and the answers to them, as bytes. No I/O; the frames are pymodbus'.

    question  address, function 3 or 4, first register (2), how many (2), CRC (2)
    answer    address, function, bytes that follow, registers (2 each), CRC (2)
    or        address, function + 0x80, exception, CRC (2)

Source: MODBUS over Serial Line 1.02, section 2.5.1; Modbus Application Protocol 1.1b3, sections 6.3, 6.4, 7.
"""

from dataclasses import dataclass
from typing import Self

from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from firmware_bridge.errors import DeviceError, NotNow, Refused
from firmware_bridge.modbus_map import Block, Table

_REQUESTS = {Table.INPUT: ReadInputRegistersRequest, Table.HOLDING: ReadHoldingRegistersRequest}
_EXCEPTION = 0x80
_LONGEST = 256
_WORDS = {
    1: "it does not know this kind of question; is the right table in the map?",
    2: "it has no such register; is it the right map?",
    3: "it does not give so many registers at once; lower 'most' or 'gap' in the map",
    4: "it is broken inside",
    5: "it needs longer to answer",
    6: "it is busy",
}
_LATER = (5, 6)


@dataclass(frozen=True, slots=True)
class Question:
    """One question to one device."""

    slave: int
    function: int
    count: int
    frame: bytes
    """As it is sent."""

    @classmethod
    def about(cls, slave: int, block: Block) -> Self:
        request = _REQUESTS[block.table](dev_id=slave, address=block.first, count=block.count)
        frame = bytes(FramerRTU(DecodePDU(True)).buildFrame(request))
        return cls(slave, request.function_code, block.count, frame)

    @property
    def answer_length(self) -> int:
        """Bytes on the wire."""
        return 2 * self.count + 5

    def answer_in(self, came: bytes) -> bytes | None:
        """Function code and data of the first sound answer in what came; None while there is none.

        Sparks, answers of others, and the question itself, which some adapters hear, are passed over.
        """
        heard = came.removeprefix(self.frame)
        framer = FramerRTU(DecodePDU(False))
        for start in range(max(0, len(heard) - _LONGEST), len(heard)):
            _, slave, _, data = framer.decode(heard[start:])
            if slave == self.slave and self._is_answered_by(data):
                return bytes(data)
        return None

    def registers(self, answer: bytes) -> list[int]:
        """Raises NotNow or Refused for an exception."""
        if answer[0] >= _EXCEPTION:
            words = _WORDS.get(answer[1], "a reason that Modbus does not have")
            kind: type[DeviceError] = NotNow if answer[1] in _LATER else Refused
            raise kind(f"address {self.slave} answers with exception {answer[1]}: {words}")
        return [int.from_bytes(answer[at : at + 2], "big") for at in range(2, len(answer), 2)]

    def _is_answered_by(self, data: bytes) -> bool:
        if len(data) == 2 and data[0] == self.function | _EXCEPTION:
            return True
        return len(data) == 2 + 2 * self.count and data[0] == self.function and data[1] == 2 * self.count
