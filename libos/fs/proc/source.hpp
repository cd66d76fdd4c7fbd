#pragma once
// What /proc shows and only the rest of the kernel knows. Whoever boots the machine fills it in before the program starts;
// what is left empty shows as nothing.
#include <cstdint>
#include <span>
#include <string_view>

namespace eremite::fs::proc {

struct Source {
    // The program. The strings live as long as the program does.
    std::string_view executable = "/init";       // /proc/self/exe
    std::span<const char> command_line{};        // arguments, each with its final zero
    std::span<const char> environment{};         // the same for the environment
    std::span<const uint8_t> auxiliary_vector{}; // as it stands on the stack
    // The machine.
    std::string_view cpu_vendor = "unknown";     // CPUID leaf 0
    std::string_view cpu_model = "unknown";      // CPUID leaves 0x80000002 to 0x80000004
    std::string_view cpu_flags{};                // names as Linux writes them, separated by spaces
    uint32_t cpu_family = 0;
    uint32_t cpu_model_number = 0;
    uint32_t cpu_stepping = 0;
    uint32_t cpu_count = 1;
    uint32_t cpu_cache_kib = 0;                  // of the last level
    uint32_t physical_address_bits = 40;
    uint32_t virtual_address_bits = 48;
    // System identification; must agree with uname(2). The host name may change, hence a function.
    std::string_view release = "6.1.0-eremite";
    std::string_view version = "#1 Eremite";
    std::string_view (*host_name)() = nullptr;
    // Name of the main thread, which prctl(2) can change; null: the executable's.
    std::string_view (*command_name)() = nullptr;
    // Nanoseconds in which the CPUs had nothing to do since boot; null: unknown.
    uint64_t (*idle_time)() = nullptr;
    // Runnable threads and all threads; null: one.
    uint32_t (*running_threads)() = nullptr;
    uint32_t (*threads)() = nullptr;
    // Since boot, of all CPUs; null: none.
    uint64_t (*interrupts)() = nullptr;
    uint64_t (*context_switches)() = nullptr;
};

[[nodiscard]] Source& source();

}  // namespace eremite::fs::proc
