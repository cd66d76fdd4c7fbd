// The table of descriptions: what the kernel has is described.
#include "libos/trace/descriptions.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "libos/syscall/names.hpp"
#include "libos/trace/pattern.hpp"
#include "machine.hpp"

namespace eremite::trace {

namespace {

std::map<std::string, uint64_t> all_numbers() {
    std::map<std::string, uint64_t> numbers;
    for (uint64_t number = 0; number < Selection::limit; ++number)
        if (const auto name = syscall::name_of(number); !name.empty()) numbers[std::string{name}] = number;
    return numbers;
}

TEST(DescriptionsTest, EachCallOfTheDispatchTableHasOne) {
    const auto numbers = all_numbers();
    size_t found = 0;
    for (const char* file : {"table.cpp", "file_table_entries.hpp"}) {
        std::ifstream source{std::string{EREMITE_SOURCE "/libos/syscall/"} + file};
        ASSERT_TRUE(source) << file;
        std::stringstream text;
        text << source.rdbuf();
        const std::string lines = text.str();
        const std::string mark = "{__NR_";
        for (size_t at = lines.find(mark); at != std::string::npos; at = lines.find(mark, at), ++found) {
            at += mark.size();
            const std::string name = lines.substr(at, lines.find(',', at) - at);
            ASSERT_TRUE(numbers.contains(name)) << name;
            EXPECT_EQ(description_of(numbers.at(name)).number, numbers.at(name)) << name;
        }
    }
    EXPECT_GT(found, 200u);
}

TEST(DescriptionsTest, AreThereOnceAndMakeSense) {
    for (const auto& [name, number] : all_numbers()) {
        const Description& description = description_of(number);
        if (description.number != number) continue;
        bool ended = false;
        for (const Argument argument : description.arguments) {
            EXPECT_FALSE(ended && argument.kind() != Kind::None) << name << ": a gap";
            ended = argument.kind() == Kind::None;
        }
    }
}

TEST(DescriptionsTest, OthersShowSixNumbers) {
    const Description& unknown = description_of(511);
    EXPECT_NE(unknown.number, 511u);
    for (const Argument argument : unknown.arguments) EXPECT_EQ(argument.kind(), Kind::Hex);
    EXPECT_EQ(&description_of(~uint64_t{0}), &unknown);
}

TEST(DescriptionsTest, Groups) {
    EXPECT_EQ(group_named("memory"), with_memory);
    EXPECT_EQ(group_named("desc"), with_fd);
    EXPECT_EQ(group_named(""), 0);
    EXPECT_EQ(test::text_of([](TextSink& out) { write_group_names(out); }),
              "%file, %desc, %memory, %process, %signal, %network, %clock, %creds");
}

}  // namespace

}  // namespace eremite::trace
