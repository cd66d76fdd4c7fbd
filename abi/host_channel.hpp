#pragma once
// How an image talks to the command that started it. All of it is optional: without these devices the program's
// output, its errors and the kernel log go to the serial port, and only the low 7 bits of the exit status survive.
#include <cstdint>

namespace eremite::abi {

// COM1: the program's standard output and input.
inline constexpr uint16_t serial_port = 0x3f8;
// In its scratch register: the port needs no set-up (115200 baud, 8 bits, no parity, FIFO on, OUT2 on). An image leaves it so, and our own
// monitor begins so, as firmware might.
inline constexpr uint8_t serial_is_set_up = 0xb7;

// A QEMU `isa-debugcon`: the program's standard error and the kernel log, raw. Reading the port answers 0xe9.
inline constexpr uint16_t log_port = 0xe9;

// A second `isa-debugcon` (same answer): machine-readable lines, each a key, a space, the rest.
//   exit STATUS             the program's exit status, 0 to 255; 128 + signal for a death by signal (last line)
//   stat NAME VALUE         a figure for `--stats`, decimal; names are dotted ("boot.main_tsc")
//   fault SIGNAL ADDRESS    the program died by a fault: signal number, fault address (hexadecimal); without an address when it
//                           sent the signal to itself (abort)
//   register NAME VALUE     rip, rsp, rbp, rax, ... after `fault`, hexadecimal
//   bias VALUE              what was added to the executable's addresses (0 unless static-PIE), hexadecimal
//   stack ADDRESS BYTES     a piece of the stack from ADDRESS up, hexadecimal bytes without spaces
//   crash                   the machine itself failed: its registers and stack follow, and those before do not count. Our own monitor says it,
//                           for no image can
inline constexpr uint16_t report_port = 0xea;
inline constexpr uint8_t debugcon_answer = 0xe9;

// A QEMU `isa-debug-exit`: writing V ends QEMU with status (V << 1 | 1) & 0xff.
inline constexpr uint16_t debug_exit_port = 0xf4;

// Kernel argument `stdin=framed`: bytes on the serial input are the program's standard input, except that
// `escape 'E'` is the end of the input and `escape escape` one escape byte.
inline constexpr uint8_t stdin_escape = 0x10;

}  // namespace eremite::abi
