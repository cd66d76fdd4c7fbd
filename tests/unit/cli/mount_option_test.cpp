#include "cli/mount_option.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/failure.hpp"

namespace eremite::cli {
namespace {

std::string refusal(const std::string& text) {
    try {
        parse_mount_option(text);
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.status(), exit_status::usage);
        return failure.what();
    }
    return "";
}

class MountOptionTest : public testing::Test {
protected:
    MountOptionTest() : folder_{std::filesystem::path{testing::TempDir()} / "mount: option/a:/b"} { std::filesystem::create_directories(folder_); }
    std::filesystem::path folder_;
};

TEST_F(MountOptionTest, FolderAndPath) {
    const auto plain = parse_mount_option("/tmp:/data");
    EXPECT_EQ(plain.source, "/tmp");
    EXPECT_EQ(plain.path, "/data");
    EXPECT_FALSE(plain.read_only);
    const auto read_only = parse_mount_option(".:/a b/ü:ro");
    EXPECT_EQ(read_only.source, ".");
    EXPECT_EQ(read_only.path, "/a b/ü");
    EXPECT_TRUE(read_only.read_only);
    EXPECT_EQ(parse_mount_option("/tmp:/").path, "/");
}

TEST_F(MountOptionTest, ColonsInTheFolder) {
    const auto option = parse_mount_option(folder_.string() + ":/data");
    EXPECT_EQ(option.source, folder_.string());
    EXPECT_EQ(option.path, "/data");
}

TEST_F(MountOptionTest, Volumes) {
    const std::string file = folder_.string() + "/volume";
    std::ofstream{file} << "x";
    const auto option = parse_volume_option(file + ":/data:ro");
    EXPECT_EQ(option.source, file);
    EXPECT_EQ(option.path, "/data");
    EXPECT_TRUE(option.read_only);
    EXPECT_FALSE(parse_volume_option(file + ":/data").read_only);
    EXPECT_THROW(parse_volume_option(folder_.string() + ":/data"), Failure);
    EXPECT_THROW(parse_volume_option(file + "2:/data"), Failure);
    EXPECT_THROW(parse_volume_option(file), Failure);
}

TEST_F(MountOptionTest, Patience) {
    const auto option = parse_mount_option("/tmp:/data:ro:uncached:patience=7");
    EXPECT_EQ(option.path, "/data");
    EXPECT_TRUE(option.read_only);
    EXPECT_TRUE(option.uncached);
    EXPECT_EQ(option.patience, 7U);
    EXPECT_FALSE(parse_mount_option("/tmp:/data").patience);
    for (const char* number : {"", "0", "-1", "1000001", "5s", "99999999999"})
        EXPECT_NE(refusal(std::string{"/tmp:/data:patience="} + number).find("whole seconds"), std::string::npos) << number;
}

TEST_F(MountOptionTest, Refusals) {
    for (const char* text : {"", "/tmp", ":/data", "/tmp:data", "/tmp:", "/tmp:ro", ":/:ro"})
        EXPECT_EQ(refusal(text), std::string{"run: --mount "} + text + ": write HOSTDIR:/path or HOSTDIR:/path:ro, and :uncached or :patience=SECONDS behind it if wanted");
    EXPECT_EQ(refusal("/does/not/exist:/data:ro"), "run: --mount /does/not/exist:/data:ro: there is no folder /does/not/exist");
    const std::string file = (folder_ / "file").string();
    std::ofstream{file} << "x";
    EXPECT_EQ(refusal(file + ":/data"), "run: --mount " + file + ":/data: " + file + " is not a folder");
}

}  // namespace
}  // namespace eremite::cli
