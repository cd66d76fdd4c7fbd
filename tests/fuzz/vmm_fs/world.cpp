#include "tests/fuzz/vmm_fs/world.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/fuzz/boot/require.hpp"

namespace eremite::test {

namespace {

namespace files = std::filesystem;

void write(const files::path& path, const char* text) { std::ofstream{path} << text; }

void describe(const files::path& path, std::ostream& to) {
    struct stat status {};
    require(::lstat(path.c_str(), &status) == 0);
    std::array<char, 1000> names{};
    const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
    to << path << ' ' << status.st_ino << ' ' << status.st_mode << ' ' << status.st_nlink << ' ' << status.st_uid << ' ' << status.st_gid;
    to << ' ' << size;
    for (const timespec& time : {status.st_mtim, status.st_ctim}) to << ' ' << time.tv_sec << '.' << time.tv_nsec;
    to << '\n';
    if (!S_ISREG(status.st_mode)) return;
    std::ifstream file{path};
    to << std::string{std::istreambuf_iterator<char>{file}, {}} << '\n';
}

}  // namespace

World::World() {
    // In memory where that can be, since there are very many changes.
    std::error_code error;
    const files::path memory = "/dev/shm";
    std::string path = (files::is_directory(memory, error) ? memory : files::temp_directory_path()) / "eremite-share-fuzz-XXXXXX";
    require(::mkdtemp(path.data()) != nullptr);
    base_ = path;
    shared_ = base_ / "shared";
    outside_ = base_ / "outside";
    files::create_directory(outside_);
    files::create_directory(outside_ / "folder");
    write(outside_ / "secret", "secret");
    write(outside_ / "folder" / "file", "file");
}

World::~World() {
    std::error_code error;
    files::remove_all(base_, error);
}

void World::restore() {
    // Also what the guest left without permissions, where we are not root.
    std::error_code error;
    constexpr auto as_far_as_allowed = files::directory_options::skip_permission_denied;
    for (auto at = files::recursive_directory_iterator{shared_, as_far_as_allowed, error}; at != end(at); at.increment(error))
        if (at->is_directory(error) && !at->is_symlink(error)) files::permissions(at->path(), files::perms::owner_all, error);
    files::remove_all(shared_, error);
    files::create_directory(shared_);
    files::create_directories(shared_ / "d" / "e");
    write(shared_ / "f", "some text");
    write(shared_ / "d" / "g", "other text");
    files::create_symlink("../outside/secret", shared_ / "l");
    files::create_symlink(outside_ / "folder", shared_ / "m");
    files::create_symlink("f", shared_ / "k");
    require(::mkfifo((shared_ / "p").c_str(), 0666) == 0);
}

std::string World::outside() const {
    std::ostringstream all;
    struct stat status {};
    require(::lstat(base_.c_str(), &status) == 0);
    all << status.st_mode << ' ' << status.st_uid << '\n';
    for (const char* path : {"", "secret", "folder", "folder/file"}) describe(outside_ / path, all);
    for (const auto& folder : {base_, outside_, outside_ / "folder"})
        all << std::distance(files::directory_iterator{folder}, files::directory_iterator{}) << '\n';
    return all.str();
}

}  // namespace eremite::test
