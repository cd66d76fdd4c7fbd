#pragma once
// Values as strace(1) writes them.
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/format.hpp"
#include "libos/trace/kind.hpp"

namespace eremite::trace {

// A number, flag or name. What is a pointer is written as one, whatever it points to.
void write_value(TextSink& out, Kind kind, uint64_t value);
// NULL or 0x...
void write_pointer(TextSink& out, uint64_t value);

// In quotes, with the escapes of C; "..." behind them when more follows.
void write_quoted(TextSink& out, std::span<const char> bytes, bool more);
// Bytes of the program, of which the first are shown; the pointer if they cannot be read.
void write_buffer(TextSink& out, VirtualAddress address, uint64_t size);
// The same of a string that a zero byte ends.
void write_string(TextSink& out, VirtualAddress address, size_t longest);
inline constexpr size_t longest_text = 32, longest_path = 255;

}  // namespace eremite::trace
