// The machine stops at each moment: whatever the disk made of what was not flushed, e2fsck finds nothing wrong once the journal is
// replayed, and what was acknowledged is there.
#include <map>

#include "volume_fixture.hpp"

namespace eremite::test {

namespace {

constexpr size_t mib = 1 << 20;

}  // namespace

class CrashTest : public VolumeTest {
protected:
    using State = std::map<std::string, std::string>;  // files by name

    // A program that changes files and now and then waits until that lasts.
    void work(unsigned seed, int steps) {
        std::mt19937 random{seed};
        const auto below = [&](int most) { return std::uniform_int_distribution<int>{0, most - 1}(random); };
        State now;
        for (int step = 0; step < steps; ++step) {
            const std::string name = "f" + std::to_string(below(12));
            switch (below(7)) {
                case 0:
                case 1: {
                    const std::string text(static_cast<size_t>(below(40'000) + 1), static_cast<char>('a' + step % 26));
                    if (!now.contains(name)) create(*root_, name);
                    auto file = find("/" + name);
                    ASSERT_EQ(file->truncate(0).code(), 0);
                    write(*file, 0, text);
                    now[name] = text;
                    break;
                }
                case 2:
                    if (now.erase(name) != 0) {
                        ASSERT_EQ(root_->unlink(name).code(), 0);
                    }
                    break;
                case 3: {
                    const std::string to = "f" + std::to_string(below(12));
                    if (!now.contains(name) || name == to) break;
                    ASSERT_EQ(root_->rename(name, *root_, to, fs::RenameMode::Replace).code(), 0);
                    now[to] = now[name];
                    now.erase(name);
                    break;
                }
                case 4:
                    if (now.contains(name)) {
                        // What a shorter file loses may be lost before the commit, as on Linux.
                        const auto size = std::max<uint64_t>(now[name].size(), static_cast<uint64_t>(below(50'000)));
                        ASSERT_EQ(find("/" + name)->truncate(size).code(), 0);
                        now[name].resize(size);
                    }
                    break;
                case 5:
                    if (auto folder = root_->create_directory("d" + std::to_string(step), 0755); folder.ok()) {
                        create(**folder, "x", "inside");
                        if (below(2) == 0) {
                            ASSERT_EQ((*folder)->unlink("x").code(), 0);
                            ASSERT_EQ(root_->remove_directory("d" + std::to_string(step)).code(), 0);
                        }
                    }
                    break;
                default:
                    under_way_ = &now;
                    ASSERT_EQ(file_system_->synchronize().code(), 0);
                    under_way_ = nullptr;
                    acknowledged_ = now;
            }
        }
    }

public:
    // Names and contents that were acknowledged, or those of the commit that was under way.
    void check(std::vector<uint8_t> bytes) {
        expect_sound(bytes);
        Image image{bytes};
        fs::ext4::FileSystem file_system{image};
        auto started = file_system.start(true);
        ASSERT_EQ(started.code(), 0);
        Ref<fs::Inode> root = std::move(*started);
        const auto matches = [&](const State& state) {
            for (const auto& [name, text] : state) {
                auto file = root->lookup(name);
                if (!file.ok() || read(**file) != text) return false;
            }
            return true;
        };
        if (only_syncs_commit_) {
            EXPECT_TRUE(matches(acknowledged_) || (under_way_ && matches(*under_way_)));
        }
        root = nullptr;
        file_system.drop_recent();
    }

protected:
    State acknowledged_;
    const State* under_way_ = nullptr;
    bool only_syncs_commit_ = true;
};

TEST_F(CrashTest, AtEachMoment) {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        make(16 * mib);
        mount();
        acknowledged_.clear();
        struct Context {
            CrashTest* test;
            std::mt19937 random;
            int until;
            bool checking;
        } context{this, std::mt19937{seed}, 5, false};
        image_->context = &context;
        image_->before_change = [](Image& image, void* data) {
            auto& c = *static_cast<Context*>(data);
            if (c.checking || --c.until > 0) return;
            c.until = std::uniform_int_distribution<int>{5, 60}(c.random);
            c.checking = true;
            c.test->check(image.crash(c.random));
            c.checking = false;
        };
        work(seed, 200);
        image_->before_change = nullptr;
        unmount();
        expect_clean();
    }
}

}  // namespace eremite::test
