#include "cli/cpio_writer.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace eremite::cli {
namespace {

namespace fs = std::filesystem;

class CpioWriterTest : public testing::Test {
protected:
    CpioWriterTest() {
        std::string name = (fs::temp_directory_path() / "cpio-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        folder_ = name;
    }
    ~CpioWriterTest() override { fs::remove_all(folder_); }

    static void write(const fs::path& path, std::string_view text) {
        fs::create_directories(path.parent_path());
        std::ofstream{path} << text;
    }
    // What cpio(1) says about an archive.
    std::string ask_cpio(const std::string& archive, const std::string& options) const {
        const fs::path file = folder_ / "archive.cpio";
        EXPECT_TRUE(replace_text(file, archive));
        const Captured listing = capture(
            {"sh", "-c", "cd " + folder_.string() + " && mkdir -p out && cd out && cpio --quiet " + options + " < ../archive.cpio"});
        EXPECT_EQ(listing.status, 0) << listing.output;
        return listing.output;
    }

    fs::path folder_;
};

TEST_F(CpioWriterTest, CpioListsTheTree) {
    if (!find_in_path("cpio")) GTEST_SKIP() << "no cpio here";
    const fs::path tree = folder_ / "tree";
    write(tree / "a.txt", "hello");
    write(tree / "folder/inner/b", std::string(100'001, 'b'));
    fs::create_symlink("a.txt", tree / "link");
    fs::create_directory(tree / "empty");
    write(tree / "run.sh", "#!/bin/sh\n");
    fs::permissions(tree / "run.sh", fs::perms::owner_all);
    CpioWriter writer;
    writer.add_folder(tree);
    const std::string archive = writer.finish();
    EXPECT_EQ(ask_cpio(archive, "-t"), "a.txt\nempty\nfolder\nfolder/inner\nfolder/inner/b\nlink\nrun.sh\n");
    ask_cpio(archive, "-i");
    const fs::path out = folder_ / "out";
    EXPECT_EQ(read_text(out / "a.txt"), "hello");
    EXPECT_EQ(read_text(out / "folder/inner/b"), std::string(100'001, 'b'));
    EXPECT_EQ(fs::read_symlink(out / "link"), "a.txt");
    EXPECT_TRUE(fs::is_directory(out / "empty"));
    EXPECT_EQ(fs::status(out / "run.sh").permissions() & fs::perms::owner_exec, fs::perms::owner_exec);
}

TEST_F(CpioWriterTest, ExecutableGetsItsFolders) {
    if (!find_in_path("cpio")) GTEST_SKIP() << "no cpio here";
    write(folder_ / "program", "binary");
    CpioWriter writer;
    writer.add_executable(folder_ / "program", ".eremite/program");
    const std::string archive = writer.finish();
    EXPECT_EQ(ask_cpio(archive, "-t"), ".eremite\n.eremite/program\n");
    ask_cpio(archive, "-i");
    EXPECT_EQ(::access((folder_ / "out/.eremite/program").c_str(), X_OK), 0);
}

TEST_F(CpioWriterTest, EmptyFolderIsATrailer) {
    CpioWriter writer;
    fs::create_directory(folder_ / "none");
    writer.add_folder(folder_ / "none");
    const std::string archive = writer.finish();
    EXPECT_EQ(archive.substr(0, 6), "070701");
    EXPECT_NE(archive.find("TRAILER!!!"), std::string::npos);
    EXPECT_EQ(archive.size() % 4, 0);
}

TEST_F(CpioWriterTest, MissingFolder) {
    CpioWriter writer;
    EXPECT_THROW(writer.add_folder(folder_ / "nope"), Failure);
    write(folder_ / "file", "");
    EXPECT_THROW(writer.add_folder(folder_ / "file"), Failure);
}

}  // namespace
}  // namespace eremite::cli
