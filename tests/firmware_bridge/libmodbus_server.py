"""A Modbus RTU device made by libmodbus, the C library that mbpoll comes with. A process of its own: PORT ADDRESS.

It has ten input registers, of which number n holds 100 * n. It prints `ready`, and answers until it is ended.
"""

import ctypes
import sys

_REGISTERS = 10


class _Mapping(ctypes.Structure):
    """modbus_mapping_t of modbus.h, libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits")),
        *((name, ctypes.c_int) for name in ("nb_input_registers", "start_input_registers")),
        *((name, ctypes.c_int) for name in ("nb_registers", "start_registers")),
        *((name, ctypes.POINTER(ctypes.c_uint8)) for name in ("tab_bits", "tab_input_bits")),
        *((name, ctypes.POINTER(ctypes.c_uint16)) for name in ("tab_input_registers", "tab_registers")),
    )


def serve(port: str, address: int) -> None:
    library = ctypes.CDLL("libmodbus.so.5")
    library.modbus_new_rtu.restype = ctypes.c_void_p
    library.modbus_mapping_new.restype = ctypes.POINTER(_Mapping)
    context = ctypes.c_void_p(library.modbus_new_rtu(port.encode(), 9600, ord("N"), 8, 1))
    registers = library.modbus_mapping_new(0, 0, 0, _REGISTERS)
    for number in range(_REGISTERS):
        registers.contents.tab_input_registers[number] = 100 * number
    if library.modbus_set_slave(context, address) or library.modbus_connect(context):
        raise SystemExit(f"libmodbus cannot open {port}")
    print("ready", flush=True)
    question = (ctypes.c_uint8 * 256)()
    while True:
        length = library.modbus_receive(context, question)
        if length > 0:
            library.modbus_reply(context, question, length, registers)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
