#pragma once
// I/O ports for host tests: what arch::port_in and arch::port_out reach.
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace eremite::test {

// The ports of a machine while it lives. Nobody answers at a port without a device: it reads as all ones.
class Ports {
public:
    struct Device {
        std::function<uint32_t(unsigned width)> in;
        std::function<void(unsigned width, uint32_t value)> out;
    };
    struct Write {
        uint16_t port;
        unsigned width;
        uint32_t value;
        bool operator==(const Write&) const = default;
    };

    Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;
    ~Ports();

    Device& operator[](uint16_t port) { return devices_[port]; }
    [[nodiscard]] uint32_t in(uint16_t port, unsigned width);
    void out(uint16_t port, unsigned width, uint32_t value);
    // All writes in their order.
    [[nodiscard]] const std::vector<Write>& writes() const { return writes_; }
    [[nodiscard]] uint64_t reads() const { return reads_; }

private:
    std::map<uint16_t, Device> devices_;
    std::vector<Write> writes_;
    uint64_t reads_ = 0;
};

}  // namespace eremite::test
