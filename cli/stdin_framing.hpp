#pragma once
// The image's standard input travels over a serial line, which has no end of file: see abi/host_channel.hpp.
#include <string>
#include <string_view>

namespace eremite::cli {

// `data` with each escape byte doubled.
std::string framed(std::string_view data);

// The mark for the end of the input.
std::string end_of_input();

}  // namespace eremite::cli
