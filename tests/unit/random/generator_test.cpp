#include "libos/random/random.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "libos/random/chacha20.hpp"
#include "libos/random/seed.hpp"
#include "tests/unit/random/fresh.hpp"

namespace eremite::test {
namespace {

Octets take(size_t size) {
    Octets bytes(size);
    random::fill(bytes);
    return bytes;
}

Octets numbered(size_t size, uint8_t first = 1) {
    Octets bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(first + i);
    return bytes;
}

// The first output after one seed.
Octets after_seed(const Octets& seed, size_t size = 64) {
    return in_fresh_process([&] {
        random::add_seed(seed, true);
        return take(size);
    });
}

// The generator as the paper has it: a request takes blocks 0, 1, ... of the key's stream, and the block behind the last
// one it began holds the next key.
class Model {
public:
    Octets fill(size_t size) {
        Octets out;
        uint32_t counter = 0;
        while (out.size() < size) {
            const Octets piece = block(counter++);
            out.insert(out.end(), piece.begin(), piece.end());
        }
        out.resize(size);
        erase(counter);
        return out;
    }
    void add_seed(const Octets& seed) {
        size_t at = 0;
        for (const uint8_t byte : seed) {
            key_[at++] ^= byte;
            if (at == sizeof key_) {
                erase(0);
                at = 0;
            }
        }
        erase(0);
    }

private:
    Octets block(uint32_t counter) const {
        random::ChachaState input{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
        std::memcpy(&input[4], key_, sizeof key_);
        input[12] = counter;
        const random::ChachaState output = random::chacha_block(input);
        Octets bytes(sizeof output);
        std::memcpy(bytes.data(), output.data(), sizeof output);
        return bytes;
    }
    void erase(uint32_t counter) {
        const Octets next = block(counter);
        std::memcpy(key_, next.data(), sizeof key_);
    }
    uint8_t key_[32]{};
};

constexpr size_t sizes[] = {0, 1, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256, 1000, 4096, 70001};

TEST(Generator, RequestsOfAllSizes) {
    const auto real = in_fresh_process([] {
        random::add_seed(numbered(32), true);
        Octets all;
        for (const size_t size : sizes) {
            const Octets some = take(size);
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    });
    Model model;
    model.add_seed(numbered(32));
    Octets expected;
    for (const size_t size : sizes) {
        const Octets some = model.fill(size);
        expected.insert(expected.end(), some.begin(), some.end());
    }
    EXPECT_EQ(real, expected);
}

TEST(Generator, SeedsOfAllSizes) {
    for (const size_t size : {0, 1, 3, 4, 5, 31, 32, 33, 63, 64, 65, 100, 256}) {
        Model model;
        model.add_seed(numbered(size));
        EXPECT_EQ(after_seed(numbered(size)), model.fill(64)) << size;
    }
}

TEST(Generator, WritesWhatWasAskedForAndNoMore) {
    for (const size_t size : sizes) {
        const Octets bytes = in_fresh_process([size] {
            Octets buffer(size + 32, 0xcc);
            random::fill(std::span{buffer}.subspan(16, size));
            return buffer;
        });
        ASSERT_EQ(bytes.size(), size + 32);
        EXPECT_EQ(Octets(bytes.begin(), bytes.begin() + 16), Octets(16, 0xcc)) << size;
        EXPECT_EQ(Octets(bytes.end() - 16, bytes.end()), Octets(16, 0xcc)) << size;
    }
}

// Who sees an output must not know the next key: no part of it, as a key, yields what comes after.
TEST(Generator, KeysNeverLeave) {
    for (const size_t size : {32, 64, 96, 128, 640}) {
        const Octets both = in_fresh_process([size] {
            random::add_seed(numbered(32), true);
            Octets bytes = take(static_cast<size_t>(size));
            const Octets next = take(64);
            bytes.insert(bytes.end(), next.begin(), next.end());
            return bytes;
        });
        const Octets next(both.end() - 64, both.end());
        for (size_t at = 0; at + 32 <= static_cast<size_t>(size); at += 4) {
            for (uint32_t counter = 0; counter < 16; ++counter) {
                random::ChachaState guess{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
                std::memcpy(&guess[4], both.data() + at, 32);
                guess[12] = counter;
                const auto block = random::chacha_block(guess);
                EXPECT_NE(std::memcmp(block.data(), next.data(), 64), 0) << at;
            }
        }
    }
}

// Nor may the key of an earlier request still be there: the same request would bring the same bytes.
TEST(Generator, NoOutputComesTwice) {
    const Octets bytes = in_fresh_process([] {
        Octets all;
        for (int i = 0; i < 1000; ++i) {
            const Octets some = take(16);
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    });
    std::set<Octets> seen;
    for (size_t at = 0; at < bytes.size(); at += 16) seen.emplace(bytes.begin() + static_cast<ptrdiff_t>(at), bytes.begin() + static_cast<ptrdiff_t>(at) + 16);
    EXPECT_EQ(seen.size(), 1000u);
}

TEST(Generator, EveryByteOfASeedCounts) {
    std::set<Octets> seen{after_seed(numbered(70))};
    for (size_t at = 0; at < 70; ++at) {
        Octets seed = numbered(70);
        seed[at] ^= 1;
        EXPECT_TRUE(seen.insert(after_seed(seed)).second) << at;
    }
    EXPECT_EQ(after_seed(numbered(70)), after_seed(numbered(70)));
}

// A second seed adds to the first one and does not replace it.
TEST(Generator, SeedsAddUp) {
    const auto after_two = [](uint8_t first, uint8_t second) {
        return in_fresh_process([=] {
            random::add_seed(numbered(32, first), true);
            random::add_seed(numbered(32, second), false);
            return take(64);
        });
    };
    const std::set<Octets> seen{after_two(1, 2), after_two(3, 2), after_two(1, 4), after_two(2, 1), after_seed(numbered(32, 1)), after_seed(numbered(32, 2))};
    EXPECT_EQ(seen.size(), 6u);
    // The same seed twice is not as if there was none.
    EXPECT_NE(after_two(1, 1), in_fresh_process([] { return take(64); }));
}

TEST(Generator, SaysWhetherItIsSeeded) {
    const Octets answers = in_fresh_process([] {
        Octets list;
        const auto note = [&] { list.push_back(random::seeded()); };
        note();
        take(100);
        note();
        random::add_seed(numbered(32), false);
        note();
        random::add_seed(numbered(32), true);
        note();
        random::add_seed(numbered(32), false);
        note();
        return list;
    });
    EXPECT_EQ(answers, (Octets{0, 0, 0, 1, 1}));
}

// Two copies of a machine go on with the same state, and each with an identifier of its own.
TEST(Generator, CopiesWithOtherIdentifiers) {
    enum class Copy : uint8_t { Same, One, Other, LastByte, Back };
    const auto after = [](Copy copy) {
        return in_fresh_process([copy] {
            static uint8_t identifier[16] = {1, 2, 3};
            random::add_seed(numbered(32), true);
            random::watch_identifier(identifier);
            Octets bytes = take(48);
            if (copy == Copy::One || copy == Copy::Back) identifier[0] = 9;
            if (copy == Copy::Other) identifier[0] = 8;
            if (copy == Copy::LastByte) identifier[15] = 1;
            if (copy == Copy::Back) {
                (void)take(0);
                identifier[0] = 1;
            }
            const Octets more = take(48);
            bytes.insert(bytes.end(), more.begin(), more.end());
            return bytes;
        });
    };
    const Octets same = after(Copy::Same);
    EXPECT_EQ(after(Copy::Same), same) << "one that is what it was changes nothing";
    std::set<Octets> seen{same};
    for (const Copy copy : {Copy::One, Copy::Other, Copy::LastByte, Copy::Back}) {
        const Octets bytes = after(copy);
        EXPECT_TRUE(std::equal(bytes.begin(), bytes.begin() + 48, same.begin())) << "before that";
        EXPECT_TRUE(seen.insert(bytes).second) << static_cast<int>(copy);
        EXPECT_EQ(after(copy), bytes);
    }
}

TEST(Generator, WatchedIdentifierCountsFromTheStart) {
    const auto with = [](uint8_t first) {
        return in_fresh_process([first] {
            static uint8_t identifier[16];
            identifier[0] = first;
            random::watch_identifier(identifier);
            return take(64);
        });
    };
    EXPECT_NE(with(1), with(2));
    EXPECT_EQ(with(1), with(1));
}

// The known identifier is what was seen last: several requests after a change are one sequence.
TEST(Generator, IdentifierIsMixedInOnce) {
    const Octets real = in_fresh_process([] {
        static uint8_t identifier[16];
        random::watch_identifier(identifier);
        for (size_t i = 0; i < sizeof identifier; ++i) identifier[i] = static_cast<uint8_t>(i + 1);
        Octets all = take(16);
        const Octets more = take(16);
        all.insert(all.end(), more.begin(), more.end());
        return all;
    });
    Model model;
    model.add_seed(numbered(16));
    Octets expected = model.fill(16);
    const Octets more = model.fill(16);
    expected.insert(expected.end(), more.begin(), more.end());
    EXPECT_EQ(real, expected);
}

}  // namespace
}  // namespace eremite::test
