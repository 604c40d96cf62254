// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/umem_test gives tests the kernel API of the export notifier, without an
 * RDMA driver in between. An open file exports the address space that opened
 * it, whoever calls later. For root only; never installed.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <rdma/umem_notifier.h>

#include "umem_test.h"

#define TEST_BUF	65536

/**
 * struct test_file - an open file
 * @ex: export of the opener
 * @lock: one job at a time; not taken by done()
 * @spin: of @job, @left and @result, which done() changes
 * @job: the job, to be cancelled
 * @left: jobs still to be started by done()
 * @io: what the job asks for
 * @done: the last job has ended
 */
struct test_file {
	struct umem_export *ex;
	struct mutex lock;
	spinlock_t spin;
	struct umem_fault_job *job;
	unsigned int left;
	long result;
	struct umem_test_io io;
	struct completion done;
};

static atomic_t holders;

static unsigned int api_flags(const struct umem_test_io *io)
{
	return io->flags & (UMEM_WRITE | UMEM_NOFAULT | UMEM_PREFETCH);
}

/* One page's worth, as a driver does it. */
static long access_page(struct umem_export *ex, const struct umem_test_io *io,
			unsigned long va, void *buf, size_t len)
{
	unsigned int flags = api_flags(io);
	const struct umem_piece *piece;
	struct umem_hold h;
	long ret;

	while ((ret = umem_hold(ex, va, len, flags, &h)) == -EAGAIN) {
		if (io->flags & UMEM_TEST_FAULT) {
			ret = umem_fault(ex, va, len, flags);
			if (ret > 0 || ret == -EAGAIN)
				continue;
		} else if (io->flags & UMEM_TEST_SLOW) {
			len = min_t(size_t, len, PAGE_SIZE - offset_in_page(va));
			return umem_copy_slow(ex, va, buf, len, flags) ?: len;
		}
		break;
	}
	if (ret)
		return ret;
	piece = umem_hold_piece(&h);
	len = min(len, piece->len);
	if (flags & UMEM_WRITE)
		memcpy(piece->kaddr, buf, len);
	else
		memcpy(buf, piece->kaddr, len);
	umem_drop(&h);
	return len;
}

static long do_access(struct umem_export *ex, const struct umem_test_io *io)
{
	void __user *ubuf = u64_to_user_ptr(io->buf);
	size_t len = min_t(u64, io->len, TEST_BUF), done = 0;
	long ret = 0;
	void *buf;

	buf = kvmalloc(TEST_BUF, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if ((io->flags & UMEM_TEST_WRITE) && copy_from_user(buf, ubuf, len)) {
		kvfree(buf);
		return -EFAULT;
	}
	while (done < len) {
		ret = access_page(ex, io, io->va + done, buf + done, len - done);
		if (ret < 0)
			break;
		done += ret;
	}
	if (!(io->flags & UMEM_TEST_WRITE) && copy_to_user(ubuf, buf, done)) {
		done = 0;
		ret = -EFAULT;
	}
	kvfree(buf);
	return done ?: ret;
}

static long do_hold(struct umem_export *ex, const struct umem_test_io *io)
{
	struct umem_hold h;
	long ret;

	ret = umem_hold(ex, io->va, 1, api_flags(io), &h);
	if (ret)
		return ret;
	atomic_inc(&holders);
	mdelay(io->arg);
	atomic_dec(&holders);
	umem_drop(&h);
	return 0;
}

static void test_done(void *arg, long result)
{
	struct test_file *tf = arg;
	struct umem_fault_job *old;

	spin_lock(&tf->spin);
	tf->result = result;
	if (!tf->left) {
		spin_unlock(&tf->spin);
		complete_all(&tf->done);
		return;
	}
	tf->left--;
	old = tf->job;
	tf->job = umem_fault_async(tf->ex, tf->io.va, tf->io.len,
				   api_flags(&tf->io), GFP_ATOMIC, test_done, tf);
	spin_unlock(&tf->spin);
	/* Our own, while we run: does not wait. */
	umem_fault_cancel(old);
}

static void test_cancel(struct test_file *tf)
{
	struct umem_fault_job *job;

	spin_lock(&tf->spin);
	tf->left = 0;
	job = tf->job;
	tf->job = NULL;
	spin_unlock(&tf->spin);
	umem_fault_cancel(job);
}

static long do_async(struct test_file *tf, const struct umem_test_io *io,
		     unsigned int left)
{
	long ret = 0;

	test_cancel(tf);
	reinit_completion(&tf->done);
	tf->io = *io;
	spin_lock(&tf->spin);
	tf->left = left;
	tf->job = umem_fault_async(tf->ex, io->va, io->len, api_flags(io),
				   GFP_ATOMIC, test_done, tf);
	if (!tf->job)
		ret = -ENOMEM;
	spin_unlock(&tf->spin);
	return ret;
}

static long test_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct test_file *tf = file->private_data;
	struct umem_test_io __user *uio = (void __user *)arg;
	struct umem_test_stats st = { };
	struct umem_stats us;
	u64 fresh = 0;
	struct umem_test_io io;

	if (cmd == UMEM_TEST_CANCEL) {
		mutex_lock(&tf->lock);
		test_cancel(tf);
		mutex_unlock(&tf->lock);
		return 0;
	}
	if (cmd == UMEM_TEST_STATS) {
		umem_export_stats(tf->ex, &us);
		st.faults = us.faults;
		st.fault_pages = us.fault_pages;
		st.prefetches = us.prefetches;
		st.prefetch_pages = us.prefetch_pages;
		st.invalidations = us.invalidations;
		st.invalidated_pages = us.invalidated_pages;
		st.retries = us.retries;
		st.slow = us.slow;
		st.resident = us.resident;
		st.leaves = us.leaves;
		st.interior = us.interior;
		return copy_to_user((void __user *)arg, &st, sizeof(st)) ? -EFAULT : 0;
	}

	if (copy_from_user(&io, uio, sizeof(io)))
		return -EFAULT;
	switch (cmd) {
	case UMEM_TEST_ACCESS:
		io.result = do_access(tf->ex, &io);
		break;
	case UMEM_TEST_DO_FAULT:
		io.result = io.flags & UMEM_TEST_NOWAIT ?
			umem_fault_nowait(tf->ex, io.va, io.len, api_flags(&io), &fresh) :
			umem_fault(tf->ex, io.va, io.len, api_flags(&io));
		break;
	case UMEM_TEST_ASYNC:
	case UMEM_TEST_CHAIN:
		mutex_lock(&tf->lock);
		io.result = do_async(tf, &io, cmd == UMEM_TEST_CHAIN ? io.arg : 0);
		mutex_unlock(&tf->lock);
		break;
	case UMEM_TEST_WAIT:
		if (!wait_for_completion_timeout(&tf->done,
						 msecs_to_jiffies(io.arg)))
			io.result = -ETIME;
		else
			io.result = tf->result;
		break;
	case UMEM_TEST_HOLD:
		io.result = do_hold(tf->ex, &io);
		break;
	case UMEM_TEST_HOLDERS:
		io.result = atomic_read(&holders);
		break;
	case UMEM_TEST_RESIDENT:
		io.result = umem_range_resident(tf->ex, io.va, io.len);
		break;
	default:
		return -ENOTTY;
	}
	return put_user(io.result, &uio->result);
}

static int test_open(struct inode *inode, struct file *file)
{
	struct test_file *tf = kzalloc(sizeof(*tf), GFP_KERNEL);

	if (!tf)
		return -ENOMEM;
	tf->ex = umem_export_get(current->mm);
	if (IS_ERR(tf->ex)) {
		long err = PTR_ERR(tf->ex);

		kfree(tf);
		return err;
	}
	mutex_init(&tf->lock);
	spin_lock_init(&tf->spin);
	init_completion(&tf->done);
	file->private_data = tf;
	return 0;
}

static int test_release(struct inode *inode, struct file *file)
{
	struct test_file *tf = file->private_data;

	test_cancel(tf);
	umem_export_put(tf->ex);
	kfree(tf);
	return 0;
}

static const struct file_operations test_fops = {
	.owner		= THIS_MODULE,
	.open		= test_open,
	.release	= test_release,
	.unlocked_ioctl	= test_ioctl,
};

static struct miscdevice test_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "umem_test",
	.fops	= &test_fops,
	.mode	= 0600,
};
module_misc_device(test_dev);

MODULE_DESCRIPTION("Test device of the export notifier");
MODULE_LICENSE("GPL");
