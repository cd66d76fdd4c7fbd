// An image that is malicious on purpose: KIND SEED STEPS END OUTSIDE on its command line. It ends with status 0, or 66 if it read what it must not.
#include "attacks.hpp"

namespace {

using namespace eremite::hostile;

constexpr unsigned escaped = 66, not_understood = 64;

// False: the monitor let something out.
bool step(std::string_view kind, Random& random, std::string_view outside) {
    if (kind == "all") {
        constexpr std::string_view kinds[] = {"registers", "addresses", "ports", "rings", "requests", "files"};
        kind = any_of(random, kinds);
    }
    if (kind == "registers") attack_registers(random);
    else if (kind == "addresses") attack_addresses(random);
    else if (kind == "ports") attack_ports(random);
    else if (kind == "rings") attack_rings(random);
    else if (kind == "requests") attack_requests(random);
    else if (kind == "files") return attack_files(random, outside);
    else finish(not_understood);
    return true;
}

[[noreturn]] void disturb(std::string_view kind, Random& random) {
    constexpr std::string_view kinds[] = {"registers", "addresses", "ports", "rings", "requests", "files"};
    for (;;) {
        const std::string_view now = kind == "all" ? any_of(random, kinds) : kind;
        if (now == "rings") disturb_rings(random);
        else if (now == "requests") disturb_requests(random);
        else if (now == "files") disturb_files(random);
        else (void)step(now, random, {});
    }
}

}  // namespace

extern "C" [[noreturn]] void hostile_main(unsigned cpu) {
    enum Argument : size_t { Kind, Seed, Steps, End, Outside };
    const std::string_view kind = argument(Kind);
    Random random{number(argument(Seed)) * 2 + cpu};
    if (cpu != 0) disturb(kind, random);
    const uint64_t steps = number(argument(Steps));
    for (uint64_t place = play_start; place < play_start + (uint64_t{1} << 20); place += 8) at<uint64_t>(place) = random.next();
    start_second_cpu();
    for (uint64_t i = 0; i < steps; ++i)
        if (!step(kind, random, argument(Outside))) finish(escaped);
    if (argument(End) == "fault") triple_fault();
    finish(0);
}
