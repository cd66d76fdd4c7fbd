// Stands for the parts of libext2fs that are left out: features for which volumes are refused.
#include <ext2fs/ext2fs.h>

extern "C" {

// Messages for people, which callers get as error codes too.
void com_err(const char*, errcode_t, const char*, ...) {}

// Of a file of the library that makes symbolic links too: whether the target is in the inode.
int ext2fs_is_fast_symlink(struct ext2_inode* inode) {
    return LINUX_S_ISLNK(inode->i_mode) && EXT2_I_SIZE(inode) != 0 && EXT2_I_SIZE(inode) < sizeof inode->i_block;
}

// Bytes of a directory or file in its inode (inline_data).
errcode_t ext2fs_inline_data_ea_remove(ext2_filsys, ext2_ino_t) { return EXT2_ET_UNIMPLEMENTED; }
int ext2fs_inline_data_dir_iterate(ext2_filsys, ext2_ino_t, void*) { return 0; }
// Attributes that are files (ea_inode).
errcode_t ext2fs_file_open(ext2_filsys, ext2_ino_t, int, ext2_file_t*) { return EXT2_ET_UNIMPLEMENTED; }
errcode_t ext2fs_file_close(ext2_file_t) { return EXT2_ET_UNIMPLEMENTED; }
errcode_t ext2fs_file_read(ext2_file_t, void*, unsigned int, unsigned int*) { return EXT2_ET_UNIMPLEMENTED; }
errcode_t ext2fs_file_write(ext2_file_t, const void*, unsigned int, unsigned int*) { return EXT2_ET_UNIMPLEMENTED; }
struct ext2_inode* ext2fs_file_get_inode(ext2_file_t) { return nullptr; }
ext2_off_t ext2fs_file_get_size(ext2_file_t) { return 0; }
// Several hosts (mmp); names regardless of case (casefold).
errcode_t ext2fs_mmp_start(ext2_filsys) { return EXT2_ET_UNIMPLEMENTED; }
errcode_t ext2fs_mmp_stop(ext2_filsys) { return 0; }
const struct ext2fs_nls_table* ext2fs_load_nls_table(int) { return nullptr; }

// Without a volume: memory that the library's own would have kept is to be freed.
errcode_t ext2fs_zero_blocks2(ext2_filsys fs, blk64_t block, int count, blk64_t*, int*) {
    return fs ? io_channel_zeroout(fs->io, block, static_cast<unsigned>(count)) : 0;
}

}  // extern "C"
