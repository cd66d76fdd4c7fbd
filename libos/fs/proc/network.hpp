#pragma once
// What the sockets show in /proc, of which libos/socket knows.
#include "libos/fs/proc/generators.hpp"
#include "libos/fs/proc/table.hpp"

namespace eremite::fs::proc {

// A file that always says the same.
template <size_t n>
struct Text {
    char characters[n];
    constexpr Text(const char (&text)[n]) { // NOLINT: a literal is meant to convert
        for (size_t i = 0; i < n; ++i) characters[i] = text[i];
    }
};
template <Text text>
Result<void> write_constant(TextSink& out) {
    out.write({text.characters, sizeof text.characters - 1});
    return {};
}

// The files of /proc/net and those of /proc/sys/net.
[[nodiscard]] std::span<const Entry> network_files();
[[nodiscard]] std::span<const Entry> network_settings();
// /proc/net/unix
Result<void> write_local_sockets(TextSink& out);

}  // namespace eremite::fs::proc
