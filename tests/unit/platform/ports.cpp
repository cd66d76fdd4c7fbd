#include "ports.hpp"

#include <cstdlib>

#include "libos/arch/supervisor.hpp"

namespace eremite::test {

namespace {

Ports* current = nullptr;

Ports& machine() {
    if (!current) std::abort();
    return *current;
}

}  // namespace

Ports::Ports() {
    if (current) std::abort();
    current = this;
}
Ports::~Ports() { current = nullptr; }

uint32_t Ports::in(uint16_t port, unsigned width) {
    ++reads_;
    const auto device = devices_.find(port);
    if (device != devices_.end() && device->second.in) return device->second.in(width);
    return width == 4 ? ~uint32_t{0} : (uint32_t{1} << 8 * width) - 1;
}

void Ports::out(uint16_t port, unsigned width, uint32_t value) {
    writes_.push_back({port, width, value});
    const auto device = devices_.find(port);
    if (device != devices_.end() && device->second.out) device->second.out(width, value);
}

}  // namespace eremite::test

namespace eremite::arch {

uint32_t port_in(uint16_t port, unsigned width) { return test::machine().in(port, width); }
void port_out(uint16_t port, unsigned width, uint32_t value) { test::machine().out(port, width, value); }
void port_out_string(uint16_t port, const void* bytes, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) port_out(port, 1, static_cast<const uint8_t*>(bytes)[i]);
}

}  // namespace eremite::arch
