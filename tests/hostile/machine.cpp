#include "machine.hpp"

#include "abi/host_channel.hpp"
#include "layout.hpp"

extern "C" {
extern uint32_t start_info, cpus_started;
extern uint64_t windows[512];
extern const std::byte real_mode_start[], real_mode_end[];
// What the compiler makes of copies and of initial values.
void* memcpy(void* to, const void* from, size_t size) {
    void* const start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}
void* memset(void* to, int value, size_t size) {
    void* const start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}
int memcmp(const void* left, const void* right, size_t size) {
    const auto *l = static_cast<const uint8_t*>(left), *r = static_cast<const uint8_t*>(right);
    for (size_t i = 0; i < size; ++i)
        if (l[i] != r[i]) return l[i] < r[i] ? -1 : 1;
    return 0;
}
size_t strlen(const char* text) {
    size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}
void* memchr(const void* from, int value, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(from);
    for (size_t i = 0; i < size; ++i)
        if (bytes[i] == static_cast<uint8_t>(value)) return const_cast<uint8_t*>(bytes + i);
    return nullptr;
}
}

namespace eremite::hostile {

namespace {

constexpr uint64_t large_page = uint64_t{2} << 20, windows_at = uint64_t{4} << 30;
constexpr uint64_t present_write_user_large = 0x87;
constexpr uint64_t local_apic = 0xfee00000;
// Offsets of the start info and of the local APIC's registers (Intel SDM volume 3, "Local APIC Register Address Map").
constexpr uint64_t command_line_offset = 24, spurious = 0xf0, command_low = 0x300, command_high = 0x310;

unsigned address_bits() {
    uint32_t eax = 0x80000008, ebx = 0, ecx = 0, edx = 0;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return eax & 0xff;
}

}  // namespace

std::byte* window_to(uint64_t address) {
    static size_t used = 0;
    static const unsigned bits = address_bits();
    const uint64_t page = address / large_page * large_page;
    if (used == 512 || bits < 32 || address >> bits != 0) return nullptr;
    windows[used] = page | present_write_user_large;
    return bytes_at(windows_at + used++ * large_page + (address - page));
}

void start_second_cpu() {
    memcpy(bytes_at(CPU_START_PAGE), real_mode_start, static_cast<size_t>(real_mode_end - real_mode_start));
    at<uint32_t>(local_apic + spurious) = 0x1ff;
    constexpr uint32_t init = 0x4500, start_up = 0x4600 | CPU_START_PAGE >> 12;
    for (const uint32_t command : {init, start_up}) {
        at<uint32_t>(local_apic + command_high) = 1u << 24;
        at<uint32_t>(local_apic + command_low) = command;
    }
    // Without a second one nobody comes.
    for (unsigned i = 0; i < 100'000'000 && __atomic_load_n(&cpus_started, __ATOMIC_ACQUIRE) < 2; ++i) asm volatile("pause");
}

std::string_view argument(size_t index) {
    const uint64_t address = at<uint64_t>(start_info + command_line_offset);
    // SAFETY: the monitor put it there, with a zero at its end.
    const std::string_view line{reinterpret_cast<const char*>(address)};
    size_t begin = line.find(" -- ");
    if (begin == std::string_view::npos) return {};
    for (begin += 4;; --index) {
        const size_t end = line.find(' ', begin);
        if (index == 0) return {line.data() + begin, (end == std::string_view::npos ? line.size() : end) - begin};
        if (end == std::string_view::npos) return {};
        begin = end + 1;
    }
}

uint64_t number(std::string_view text) {
    uint64_t value = 0;
    for (const char digit : text) value = value * 10 + static_cast<uint64_t>(digit - '0');
    return value;
}

void finish(unsigned status) {
    constexpr std::string_view before = "exit ";
    for (const char character : before) out8(abi::report_port, static_cast<uint8_t>(character));
    for (unsigned unit = 100; unit != 0; unit /= 10) out8(abi::report_port, static_cast<uint8_t>('0' + status / unit % 10));
    out8(abi::report_port, '\n');
    for (;;) out32(abi::debug_exit_port, status);
}

void triple_fault() {
    for (;;) asm volatile("ud2");
}

}  // namespace eremite::hostile
