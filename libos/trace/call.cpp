#include "libos/trace/call.hpp"

#include "libos/syscall/names.hpp"
#include "libos/trace/arguments.hpp"
#include "libos/trace/descriptions.hpp"
#include "libos/trace/errors.hpp"
#include "libos/trace/special.hpp"
#include "libos/trace/values.hpp"

namespace eremite::trace {

namespace {

constexpr unsigned most_arguments = 6;

// How many arguments are known when the call begins.
unsigned known_arguments(const Description& description) {
    unsigned count = 0;
    while (count < most_arguments && description.arguments[count].kind() != Kind::None && !description.arguments[count].written()) ++count;
    return count;
}

bool is_shown(const Call& call, const Description& description, unsigned index) {
    const Kind kind = description.arguments[index].kind();
    return kind != Kind::Skip && (kind != Kind::Special || has_special_argument(call, index));
}

// Each but the last is followed by a comma, so that one that stands at the end of an unfinished line says that there is more.
void write_arguments(TextSink& out, const Call& call, const Description& description, unsigned from, unsigned to) {
    const auto next_shown = [&](unsigned i) {
        while (i < most_arguments && description.arguments[i].kind() != Kind::None && !is_shown(call, description, i)) ++i;
        return i < most_arguments && description.arguments[i].kind() != Kind::None ? i : most_arguments;
    };
    for (unsigned i = next_shown(from); i < to;) {
        write_argument(out, call, i, description.arguments[i]);
        i = next_shown(i + 1);
        if (i < most_arguments) out.write(", ");
    }
}

void write_result(TextSink& out, const Call& call, const Description& description) {
    if (description.result.kind() == Kind::None) return out.write("?");
    if (call.failed()) return write_error(out, static_cast<int>(-call.result));
    if (description.result.kind() == Kind::Special) return write_special_result(out, call);
    write_value(out, description.result.kind(), static_cast<uint64_t>(call.result));
}

}  // namespace

void write_name(TextSink& out, uint64_t number) {
    const std::string_view name = syscall::name_of(number);
    if (name.empty()) format(out, "syscall_{:x}", number);
    else out.write(name);
}

void write_start(TextSink& out, const Call& call) {
    const Description& description = description_of(call.number);
    write_name(out, call.number);
    out.write("(");
    write_arguments(out, call, description, 0, known_arguments(description));
}

void write_end(TextSink& out, const Call& call) {
    const Description& description = description_of(call.number);
    write_arguments(out, call, description, known_arguments(description), most_arguments);
    out.write(") = ");
    write_result(out, call, description);
}

}  // namespace eremite::trace
