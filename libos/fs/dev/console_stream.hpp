#pragma once
// The inode behind standard streams that are no terminal: shows itself as a pipe, which is what programs expect of
// redirected output.
#include "libos/fs/dev/console_file.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs::dev {

class ConsoleStream final : public Inode {
public:
    explicit ConsoleStream(ConsoleOutput output, uint64_t number) : Inode{FileType::Fifo}, output_{output}, number_{number} {}
    [[nodiscard]] Result<Attributes> attributes() override;
    [[nodiscard]] Result<Ref<File>> open(uint32_t flags) override;
    [[nodiscard]] FileSystem& file_system() const override;
    size_t describe(char* path, size_t size, uint64_t& inode) const override;

private:
    ConsoleOutput output_;
    uint64_t number_;
};

}  // namespace eremite::fs::dev
