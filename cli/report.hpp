#pragma once
// The machine-readable lines an image writes to its report port (abi/host_channel.hpp). They come from the guest, so a line
// that makes no sense is kept apart, and sizes are bounded.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eremite::cli {

struct StackPiece {
    uint64_t address = 0;
    std::string bytes;
};

struct Fault {
    int signal = 0;
    std::optional<uint64_t> address;  // none when the program sent the signal to itself
};

class Report {
public:
    // Takes the next bytes of the channel, cut anywhere.
    void feed(std::string_view bytes);
    // Takes a last line without a newline.
    void finish();

    std::optional<int> exit_status;                       // 0 to 255
    std::vector<std::pair<std::string, uint64_t>> stats;  // in order of arrival; a name again replaces its value
    std::optional<Fault> fault;
    bool crashed = false;  // registers and stack are those of the machine when it failed
    std::map<std::string, uint64_t, std::less<>> registers;
    uint64_t bias = 0;
    std::vector<StackPiece> stack;
    std::vector<std::string> malformed;  // the first few lines that were not understood

    [[nodiscard]] std::optional<uint64_t> stat(std::string_view name) const;

private:
    void take_line(std::string_view line);
    bool understand(std::string_view line);

    std::string partial_;
    bool overlong_ = false;
};

}  // namespace eremite::cli
