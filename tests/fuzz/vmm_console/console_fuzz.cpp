// The fuzzer plays the driver of a console, whose reader is slow: it reads what the input says, and types it back.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/vmm_virtio/hostile_driver.hpp"
#include "vmm/console/console_device.hpp"

using namespace eremite;
using test::require;
using vmm::UniqueFd;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::Input input{data, size};
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> output{}, typed{};
    require(::pipe2(output.data(), O_NONBLOCK) == 0 && ::pipe2(typed.data(), O_NONBLOCK) == 0);
    (void)::fcntl(output[1], F_SETPIPE_SZ, 4096);
    UniqueFd reader{output[0]}, typist{typed[1]};
    test::HostileDriver driver;
    driver.transport().attach(
        std::make_unique<vmm::console::ConsoleDevice>(driver.transport().host(), "console0", UniqueFd{output[1]}, UniqueFd{typed[0]}));
    driver.begin(input);
    std::array<std::byte, 256> bytes;
    while (!input.empty()) {
        const uint8_t turn = input.byte();
        if (turn % 4 == 0) {
            const ssize_t count = ::read(reader.get(), bytes.data(), turn);
            if (count > 0) (void)!::write(typist.get(), bytes.data(), static_cast<size_t>(count));
        } else if (turn == 1) {
            reader.reset();
        } else if (turn == 2) {
            typist.reset();
        } else {
            driver.step(input);
        }
    }
    return 0;
}
