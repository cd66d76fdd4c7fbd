#pragma once
// `eremite doctor`: what this host can do and why, with a remedy for what is missing.

namespace eremite::cli {

// 0 when programs can be run, else 1.
int doctor_command();

}  // namespace eremite::cli
