// The parser of the kernel's command line must take any text: stay within it, and say what is wrong. What it gives the
// program, quoted again, gives the program the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "libos/init/kernel_arguments.hpp"
#include "tests/fuzz/boot/require.hpp"

using namespace eremite;
using test::require;

namespace {

// Each byte of a view is read, so that AddressSanitizer sees one that points nowhere.
void touch(std::string_view word) {
    volatile char sink = 0;
    for (const char c : word) sink = c;
    static_cast<void>(sink);
}

std::string quoted(std::string_view word) {
    std::string result = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

void check_round_trip(std::span<const std::string_view> words) {
    std::string line = "arg0=" + quoted(words[0]) + " --";
    for (const std::string_view word : words.subspan(1)) line += " " + quoted(word);
    init::KernelArguments again;
    std::string_view offender;
    require(parse_kernel_arguments(line, again, offender).ok());
    require(std::equal(words.begin(), words.end(), again.argv().begin(), again.argv().end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // Of the exact size, so that AddressSanitizer sees a read behind it.
    std::vector<char> text(data, data + size);
    init::KernelArguments arguments;
    std::string_view offender;
    const auto parsed = parse_kernel_arguments(text, arguments, offender);
    if (!parsed.ok()) {
        require(parsed.code() == EINVAL);
        touch(offender);
        return 0;
    }
    require(offender.empty());
    size_t length = 0;
    for (const std::string_view word : arguments.unknown) {
        touch(word);
        length += word.size();
    }
    for (const std::string_view word : arguments.environment) {
        touch(word);
        length += word.size();
        const size_t equals = word.find('=');
        require(equals != 0 && equals != word.npos);
    }
    const auto argv = arguments.argv();
    require(!argv.empty() && argv[0] == arguments.program_name);
    for (const std::string_view word : argv.subspan(1)) {
        touch(word);
        length += word.size();
    }
    touch(arguments.program_name);
    touch(arguments.init_path);
    touch(arguments.trace);
    require(length <= size);
    require(arguments.log_level <= log::Level::Debug);
    check_round_trip(argv);
    return 0;
}
