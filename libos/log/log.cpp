#include "libos/log/log.hpp"

#include "libos/drivers/console.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::log {

namespace {

constinit Level shown = Level::Warn;

}  // namespace

void set_level(Level level) { shown = level; }
bool enabled(Level level) { return level <= shown; }

void write_line(Level level, std::string_view text, std::span<const FormatArgument> arguments) {
    constexpr std::string_view names[] = {"error", "warning", "info", "debug"};
    char line[512];
    BufferSink sink{line};
    const int64_t microseconds = platform::monotonic_now().ns / 1000;
    format(sink, "[{}.{:06}] eremite {}: ", microseconds / 1'000'000, microseconds % 1'000'000, names[static_cast<size_t>(level)]);
    format_to(sink, text, arguments);
    drivers::console_write_error({sink.view().data(), sink.view().size()});
    drivers::console_write_error({"\n", 1});
}

}  // namespace eremite::log
