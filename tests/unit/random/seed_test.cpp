#include "libos/random/seed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "libos/arch/cpu.hpp"
#include "libos/drivers/virtio_rng.hpp"
#include "libos/log/log.hpp"
#include "libos/random/random.hpp"

namespace eremite {
namespace test {
namespace {

using Octets = std::vector<uint8_t>;

struct Seed {
    Octets bytes;
    bool trusted;
};

// A machine: what its CPU and its device answer, and what its kernel made of that.
struct Machine {
    std::deque<uint64_t> cpu_words;
    int device_error = ENODEV;
    size_t device_requests = 0;
    std::vector<Seed> seeds;
    std::string messages;
};
Machine* machine = nullptr;

class Seeding : public testing::Test {
protected:
    Seeding() { machine = &machine_; }
    ~Seeding() override { machine = nullptr; }
    void boot() {
        random::seed_from_cpu();
        random::seed_from_devices();
    }
    Machine machine_;
};

}  // namespace
}  // namespace test

using test::machine;

std::optional<uint64_t> arch::hardware_random() {
    if (machine->cpu_words.empty()) return std::nullopt;
    const uint64_t word = machine->cpu_words.front();
    machine->cpu_words.pop_front();
    return word;
}

Result<void> drivers::poll_virtio_entropy(std::span<uint8_t> bytes) {
    ++machine->device_requests;
    // A device that fails may have written before.
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(100 + i);
    if (machine->device_error != 0) return Error{machine->device_error};
    return {};
}

void random::add_seed(std::span<const uint8_t> bytes, bool trusted) { machine->seeds.push_back({{bytes.begin(), bytes.end()}, trusted}); }
bool random::seeded() {
    return std::any_of(machine->seeds.begin(), machine->seeds.end(), [](const test::Seed& seed) { return seed.trusted; });
}

bool log::enabled(Level) { return true; }
void log::write_line(Level level, std::string_view text, std::span<const FormatArgument>) {
    machine->messages += std::to_string(static_cast<int>(level)) + ": " + std::string{text} + "\n";
}

namespace test {
namespace {

TEST_F(Seeding, FromTheCpu) {
    machine_.cpu_words = {0x0123456789abcdef, 2, 3, 0xfedcba9876543210, 5};
    const auto words = machine_.cpu_words;
    random::seed_from_cpu();
    ASSERT_EQ(machine_.seeds.size(), 2u);
    EXPECT_FALSE(machine_.seeds[0].trusted);
    EXPECT_TRUE(machine_.seeds[1].trusted);
    ASSERT_EQ(machine_.seeds[1].bytes.size(), 32u);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(std::memcmp(machine_.seeds[1].bytes.data() + 8 * i, &words[i], 8), 0) << i;
    // That does, whether there is a device or not.
    random::seed_from_devices();
    EXPECT_EQ(machine_.device_requests, 0u);
    EXPECT_EQ(machine_.messages, "");
}

TEST_F(Seeding, FromADevice) {
    machine_.device_error = 0;
    boot();
    ASSERT_EQ(machine_.seeds.size(), 2u);
    EXPECT_FALSE(machine_.seeds[0].trusted);
    EXPECT_TRUE(machine_.seeds[1].trusted);
    Octets expected(32);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<uint8_t>(100 + i);
    EXPECT_EQ(machine_.seeds[1].bytes, expected);
    EXPECT_EQ(machine_.device_requests, 1u);
    EXPECT_EQ(machine_.messages, "");
}

// A CPU that gives up half-way has not given 256 bits.
TEST_F(Seeding, HalfACpuIsNotTrusted) {
    for (size_t count = 0; count < 4; ++count) {
        machine_ = {};
        machine_.cpu_words.assign(count, 0x5555);
        random::seed_from_cpu();
        EXPECT_FALSE(random::seeded()) << count;
        machine_.device_error = 0;
        random::seed_from_devices();
        EXPECT_TRUE(random::seeded()) << count;
    }
}

TEST_F(Seeding, WithoutASourceThatIsSaid) {
    for (const int error : {ENODEV, EIO, ENOMEM}) {
        machine_ = {};
        machine_.device_error = error;
        machine_.cpu_words = {1, 2, 3};
        boot();
        EXPECT_FALSE(random::seeded());
        EXPECT_TRUE(machine_.messages.starts_with("0: NO SOURCE OF ENTROPY")) << machine_.messages;
        EXPECT_EQ(std::count(machine_.messages.begin(), machine_.messages.end(), '\n'), 1);
        EXPECT_EQ(machine_.device_requests, 1u);
    }
}

// The time of boot keeps two machines apart that have nothing else.
TEST_F(Seeding, TimeIsMixedIn) {
    boot();
    const Octets first = machine_.seeds.at(0).bytes;
    EXPECT_EQ(first.size(), 32u);
    machine_ = {};
    boot();
    EXPECT_NE(machine_.seeds.at(0).bytes, first);
}

}  // namespace
}  // namespace test
}  // namespace eremite
