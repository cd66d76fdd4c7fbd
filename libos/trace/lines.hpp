#pragma once
// Lines of the trace. A call is one line, written when it is over. Until then what is known of it is held back, and written as
// "unfinished" when another line comes between, or when the call takes long.
#include <string_view>

#include "base/format.hpp"

namespace eremite::trace {

inline constexpr size_t longest_part = 1024;

// A part of a line that is being made.
class Part {
public:
    [[nodiscard]] TextSink& sink() { return sink_; }
    [[nodiscard]] std::string_view text() const { return sink_.view(); }

private:
    char bytes_[longest_part];
    BufferSink sink_{bytes_};
};

// What follows is on behalf of the running thread.
// A whole line.
void write_line(std::string_view text);
// The beginning of a line.
void begin_line(std::string_view text);
// Its end. `name`: of the call, for a line that was written as unfinished.
void finish_line(std::string_view name, std::string_view text);
// A whole line, and nothing after it.
void write_last_line(std::string_view text);

}  // namespace eremite::trace
