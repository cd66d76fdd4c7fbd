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
    // With room for the newline: a line is written at once, so that CPUs do not mix theirs.
    BufferSink sink{std::span{line}.first(sizeof line - 1)};
    const int64_t microseconds = platform::monotonic_now().ns / 1000;
    format(sink, "[{}.{:06}] eremite {}: ", microseconds / 1'000'000, microseconds % 1'000'000, names[static_cast<size_t>(level)]);
    format_to(sink, text, arguments);
    line[sink.view().size()] = '\n';
    drivers::console_write_error({line, sink.view().size() + 1});
}

}  // namespace eremite::log
