#pragma once
// What the regular files of servers have in common: their pages are cached, unless the whole file system is not.
//
// Others may change a file on the server. As with NFS that is looked for when a file is opened and when its attributes are asked for; and
// what was written here is on the server when it is closed, and before its attributes are told.
#include "libos/fs/page_cache/file_cache.hpp"
#include "libos/fs/remote/contents.hpp"

namespace eremite::fs::remote {

// Transfers of `length` bytes between a file and frames, in as few requests as can be. As those of PageStore.
[[nodiscard]] Result<size_t> read_frames(const FileSystem& file_system, Handle& handle, uint64_t offset, std::span<const PhysicalAddress> frames,
                                         size_t length);
[[nodiscard]] Result<void> write_frames(const FileSystem& file_system, Handle& handle, uint64_t offset, std::span<const PhysicalAddress> frames,
                                        size_t length);
// A number that changes with the file.
[[nodiscard]] uint64_t version_of(const Attributes& attributes);

template <typename Base>
class Cached final : public Base, private PageStore {
public:
    template <typename... Arguments>
    explicit Cached(Arguments&&... arguments) : Base{std::forward<Arguments>(arguments)...}, cache_{*this, *this, Base::file_system()} {}

    [[nodiscard]] FileCache* cache() override { return Base::owner().cached() ? &cache_ : nullptr; }

    [[nodiscard]] Result<Attributes> attributes() override {
        if (!cache()) return Base::attributes();
        // Whatever is counted here is on the server before that is asked.
        const uint64_t seen = cache_.changes();
        if (cache_.dirty()) (void)cache_.write_back();  // an error of which is told where it is asked for (fsync(2))
        auto attributes = TRY(Base::attributes());
        {
            // Of a file that the server does not tell of any more, all is known here.
            const sync::Guard guard{Base::owner().lock()};
            if (Base::detached()) return attributes;
        }
        if (!cache_.revalidate(attributes.size, version_of(attributes), seen)) attributes.size = cache_.size();
        return attributes;
    }
    [[nodiscard]] Result<void> set_attributes(const AttributeChange& change) override {
        // What is written later would change the times again.
        (void)cache_.write_back();
        return Base::set_attributes(change);
    }
    // Without an open file: past the cache.
    [[nodiscard]] Result<size_t> read(uint64_t& position, IoBuffer& buffer) override {
        (void)cache_.write_back();
        const Ref<Handle> handle = TRY(Base::data_handle(false));
        return Base::read_by(*handle, position, buffer);
    }
    [[nodiscard]] Result<size_t> write(uint64_t& position, IoBuffer& buffer, bool append) override {
        TRY(cache_.invalidate());
        const Ref<Handle> handle = TRY(Base::data_handle(true));
        return Base::write_by(*handle, position, buffer, append);
    }
    [[nodiscard]] Result<void> truncate(uint64_t size) override {
        if (size > IoBuffer::size_maximum) return Error{EFBIG};
        return cache() ? cache_.truncate(size) : Base::resize(size);
    }
    [[nodiscard]] Result<void> synchronize(bool data_only) override {
        const auto written = cache_.write_back();
        TRY(Base::synchronize(data_only));
        return written.ok() ? Result<void>{} : Result<void>{written.error()};
    }

    [[nodiscard]] bool mappable() const override { return Base::owner().cached(); }
    [[nodiscard]] bool tracks_writes() const override { return true; }
    [[nodiscard]] Result<PhysicalAddress> page(uint64_t index, bool for_write) override { return cache_.page(index, for_write); }
    [[nodiscard]] Result<void> fetch(uint64_t index, bool for_write) override { return cache_.fetch(index, for_write); }
    [[nodiscard]] Result<void> synchronize_pages(uint64_t first, uint64_t count) override {
        TRY(cache_.synchronize_pages(first, count));
        return Base::synchronize(true);
    }
    void mapped() override { cache_.mapped(); }
    void unmapped() override { cache_.unmapped(); }

private:
    [[nodiscard]] Result<size_t> read_pages(uint64_t offset, std::span<const PhysicalAddress> frames) override {
        const Ref<Handle> handle = TRY(Base::data_handle(false));
        // Not to be told by an empty reply where the file ends.
        const uint64_t end = std::min(Base::end_of_stored(), cache_.size());
        if (end <= offset) return size_t{0};
        return read_frames(Base::owner(), *handle, offset, frames, std::min<uint64_t>(frames.size() * page_size, end - offset));
    }
    [[nodiscard]] Result<void> write_pages(uint64_t offset, std::span<const PhysicalAddress> frames, size_t length) override {
        const Ref<Handle> handle = TRY(Base::data_handle(true));
        TRY(Base::prepare_store(*handle, offset));
        const auto written = write_frames(Base::owner(), *handle, offset, frames, length);
        Base::stored(offset + length);
        return written.ok() ? Result<void>{} : Result<void>{written.error()};
    }
    [[nodiscard]] Result<void> store_size(uint64_t size) override { return Base::resize(size); }

    FileCache cache_;
};

}  // namespace eremite::fs::remote
