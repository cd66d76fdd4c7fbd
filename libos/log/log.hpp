#pragma once
// The kernel log. Levels above the compile-time limit (CMake option EREMITE_LOG_LEVEL) cost nothing.
#include <string_view>

#include "base/format.hpp"

#ifndef EREMITE_LOG_LIMIT
#define EREMITE_LOG_LIMIT 3
#endif

namespace eremite::log {

enum class Level : uint8_t { Error = 0, Warn = 1, Info = 2, Debug = 3 };

inline constexpr Level limit = static_cast<Level>(EREMITE_LOG_LIMIT);

// Messages up to this level are shown; kernel argument `log=`. The default shows errors and warnings.
void set_level(Level level);
[[nodiscard]] bool enabled(Level level);
void write_line(Level level, std::string_view format, std::span<const FormatArgument> arguments);

template <Level level, typename... Arguments>
void write(std::string_view text, const Arguments&... arguments) {
    if constexpr (level <= limit) {
        if (!enabled(level)) return;
        if constexpr (sizeof...(Arguments) == 0) {
            write_line(level, text, {});
        } else {
            const FormatArgument list[] = {FormatArgument{arguments}...};
            write_line(level, text, list);
        }
    }
}

template <typename... A> void error(std::string_view text, const A&... a) { write<Level::Error>(text, a...); }
template <typename... A> void warn(std::string_view text, const A&... a) { write<Level::Warn>(text, a...); }
template <typename... A> void info(std::string_view text, const A&... a) { write<Level::Info>(text, a...); }
template <typename... A> void debug(std::string_view text, const A&... a) { write<Level::Debug>(text, a...); }

}  // namespace eremite::log
