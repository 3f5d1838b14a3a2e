#include "ngram/query/model.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

namespace ostinato::ngram {
std::shared_ptr<const Model> Model::open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const auto fail = [&] {
        const int error = errno;
        if (descriptor >= 0) ::close(descriptor);
        throw std::system_error(error, std::generic_category(), path);
    };
    struct stat status {};
    if (descriptor < 0 || ::fstat(descriptor, &status)) fail();
    if (std::uint64_t(status.st_size) < sizeof(frozen::Header)) {
        ::close(descriptor);
        throw ModelError("it is too short for a frozen n-gram model");
    }
    void* data = ::mmap(nullptr, std::size_t(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED) fail();
    ::close(descriptor);
    return checked(new Model(static_cast<const char*>(data), std::size_t(status.st_size), true, {}));
}

std::shared_ptr<const Model> Model::from_bytes(std::string bytes) {
    if (bytes.size() < sizeof(frozen::Header)) throw ModelError("it is too short for a frozen n-gram model");
    const std::size_t size = bytes.size();
    return checked(new Model(nullptr, size, false, std::move(bytes)));
}

Model::Model(const char* data, std::size_t bytes, bool mapped, std::string held)
    : held_(std::move(held)), data_(mapped ? data : held_.data()), bytes_(bytes), mapped_(mapped) {}

std::shared_ptr<const Model> Model::checked(Model* model) {
    const std::shared_ptr<Model> held(model);
    model->read();
    return held;
}

void Model::read() {
    std::memcpy(&header_, data_, sizeof(header_));
    if (std::memcmp(header_.magic, frozen::magic, sizeof(frozen::magic))) throw ModelError("it is no frozen n-gram model");
    if (header_.version != frozen::version)
        throw ModelError("it is a frozen model of version " + std::to_string(header_.version) + "; this release reads version " +
                         std::to_string(frozen::version));
    if (header_.checksum != frozen::checksum(header_)) throw ModelError("its header is damaged (the checksum is another)");
    if (header_.bytes != bytes_)
        throw ModelError("it has " + std::to_string(bytes_) + " bytes where its header tells " + std::to_string(header_.bytes));
    const int order = int(header_.order);
    if (order < 1 || order > most_order || header_.words < 3 || header_.words >= ~std::uint32_t(0) ||
        header_.level[0].count != header_.words || (header_.value_bits != 32 && header_.value_bits != 8))
        throw ModelError("its header tells of sizes that cannot be");
    slot_ = frozen::Slots(header_.words);
    text_ = section(header_.text, header_.text.bytes, "text");
    text_ends_ = reinterpret_cast<const std::uint32_t*>(section(header_.text_ends, 4 * header_.words, "text_ends"));
    slots_ = reinterpret_cast<const std::uint32_t*>(section(header_.slots, 4 * (slot_.mask + 1), "slots"));
    section(header_.smoothing, header_.smoothing.bytes, "smoothing");
    for (int n = 1; n <= order; ++n) {
        const frozen::Level& level = header_.level[n - 1];
        View& view = views_[n - 1];
        if (level.count >= ~std::uint32_t(0) || level.rank_bits > 32) throw ModelError("its header tells of sizes that cannot be");
        const bool coded = header_.value_bits == 8 && n > 1;
        view.count = level.count, view.last = n == order;
        view.rank_bits = level.rank_bits, view.rank_mask = (std::uint64_t(1) << level.rank_bits) - 1;
        if (n > 1)
            view.ranks = reinterpret_cast<const std::uint8_t*>(section(level.ranks, (level.count * level.rank_bits + 7) / 8, "ranks"));
        view.value_bytes = (coded ? 1 : 4) * (view.last ? 1 : 2);
        view.values = reinterpret_cast<const std::uint8_t*>(section(level.values, level.count * view.value_bytes, "values"));
        if (coded) {
            view.log_probs = reinterpret_cast<const float*>(section(level.codes, 2 * 256 * sizeof(float), "codes"));
            view.backoffs = view.log_probs + 256;
        }
        if (n == 2) view.posts = reinterpret_cast<const std::uint16_t*>(section(level.posts, level.count / frozen::posts_each * 2, "posts"));
        if (view.last) continue;
        using frozen::Links, frozen::links_width;
        view.below = header_.level[n].count;
        view.links = reinterpret_cast<const Links*>(
            section(level.links, (level.count + links_width - 1) / links_width * sizeof(Links), "links"));
        const auto rows = [&](const frozen::Section& held, std::uint64_t width, const char* what) {
            const std::uint64_t count = held.bytes / (width * links_width);
            return View::Rows{reinterpret_cast<const std::uint8_t*>(section(held, width * links_width * count, what)), count};
        };
        view.rows[0] = rows(level.narrow, 2, "narrow"), view.rows[1] = rows(level.wide, 4, "wide");
    }
}

Model::~Model() {
    if (mapped_) ::munmap(const_cast<char*>(data_), bytes_);
}

// 8 bytes after each section may be read, too.
const char* Model::section(const frozen::Section& section, std::uint64_t bytes, const char* what) const {
    if (section.bytes != bytes || section.offset % 8 || section.offset > bytes_ || bytes > bytes_ - section.offset ||
        bytes_ - section.offset - bytes < 8)
        throw ModelError(std::string("its header tells of a section '") + what + "' that does not fit");
    return data_ + section.offset;
}

void Model::verify() const {
    const auto check = [&](const frozen::Section& told, const std::string& what) {
        frozen::Checksum sum;
        if (told.bytes) sum.add(section(told, told.bytes, what.c_str()), told.bytes);
        if (told.bytes && sum.value() != told.checksum) throw ModelError("its section '" + what + "' is damaged");
    };
    check(header_.text, "text"), check(header_.text_ends, "text_ends"), check(header_.slots, "slots");
    check(header_.smoothing, "smoothing");
    for (int n = 1; n <= order(); ++n) {
        const frozen::Level& level = header_.level[n - 1];
        const std::string of = " of order " + std::to_string(n);
        check(level.ranks, "ranks" + of), check(level.values, "values" + of), check(level.codes, "codes" + of);
        check(level.links, "links" + of), check(level.narrow, "narrow" + of);
        check(level.wide, "wide" + of), check(level.posts, "posts" + of);
    }
}

Facts Model::facts() const {
    return {std::string(data_ + header_.smoothing.offset, header_.smoothing.bytes), header_.distribution == 1};
}

std::string_view Model::word(Word number) const {
    const std::uint64_t from = number ? text_ends_[number - 1] : 0, to = text_ends_[number];
    if (from > to || to > header_.text.bytes) return {};  // of a damaged file
    return {text_ + from, std::size_t(to - from)};
}

Word Model::find(const frozen::Key& key) const {
    const std::size_t size = key.text.size();
    if (size == 0) return unknown;
    const std::uint32_t mark = slot_.mark(key.hash), numbers = slot_.number_mask();
    std::uint64_t at = key.hash & slot_.mask;
    for (std::uint64_t looked = 0; looked <= slot_.mask && slots_[at]; ++looked, at = (at + 1) & slot_.mask) {
        const Word number = (slots_[at] & numbers) - 1;
        if ((slots_[at] & ~numbers) != mark || number >= header_.words) continue;
        const std::string_view held = word(number);
        if (held.size() != size || frozen::eight(held.data(), size, 8) != key.head) continue;
        if (size <= 8 || std::memcmp(held.data() + 8, key.text.data() + 8, size - 8) == 0) return number > end ? number : unknown;
    }
    return unknown;
}

double Model::extend(Context& context, Word word, int& matched) const {
    if (word >= header_.words) word = unknown;
    const Context before = context;
    const View* view = &views_[0];
    std::uint32_t place = word, rank = word;
    float log_prob = 0;
    context.length = 0;
    for (int n = 1;; ++n) {
        log_prob = view->log_prob(place), matched = n;
        if (n == order()) break;
        context.children[n - 1] = view->children(place), context.backoff[n - 1] = view->backoff(place);
        context.length = n;
        if (n > before.length || word == begin) break;
        const Range range = before.children[n - 1];
        if (!range.size()) break;
        ++view;
        const Range part = view->narrowed(range, rank, words());
        std::uint32_t from = part.begin;
        for (std::uint32_t left = part.size(); left > 1; left -= left / 2)
            if (view->rank(from + left / 2) <= rank) from += left / 2;
        if (view->rank(from) != rank) break;
        // Of order n + 1's n-gram, the one without its first word is `place`; its rank is among the children of the context.
        place = from;
        rank = place - range.begin;
    }
    double weight = 0;
    for (int n = matched; n <= before.length; ++n) weight += before.backoff[n - 1];
    // What can neither go on nor weigh is no context.
    while (context.length && !context.children[context.length - 1].size() && context.backoff[context.length - 1] == 0) --context.length;
    return word == begin ? -INFINITY : log_prob + weight;
}

void Model::distribution(const Context& context, double* log10) const {
    // What each n-gram that ends the context weighs, with the longer ones: added up as `extend` does, to the same bits.
    double weights[most_order + 1] = {};
    for (int from = 0; from < context.length; ++from)
        for (int n = from; n < context.length; ++n) weights[from] += context.backoff[n];
    for (Word word = 0; word < header_.words; ++word) log10[word] = views_[0].log_prob(word) + weights[0];
    std::vector<Word> above, here;  // what continues the context, and the one before it, by rank
    for (int n = 0; n < context.length; ++n, above.swap(here)) {
        const Range range = context.children[n];
        const View& view = views_[n + 1];
        here.resize(range.size());
        for (std::uint32_t i = 0; i < range.size(); ++i) {
            const std::uint32_t rank = view.rank(range.begin + i);
            const Word word = !n ? rank : rank < above.size() ? above[rank] : Word(unknown);
            here[i] = word < header_.words ? word : Word(unknown);
            log10[here[i]] = view.log_prob(range.begin + i) + weights[n + 1];
        }
    }
    log10[begin] = -INFINITY;
}

std::unique_ptr<Table> Model::thaw() const {
    std::vector<std::string> vocabulary;
    for (Word number = 0; number < words(); ++number) vocabulary.emplace_back(word(number));
    auto table = std::make_unique<Table>(order(), std::move(vocabulary), facts());
    // Of the order below: each n-gram's last word, and the place of the n-gram without its first word.
    std::vector<std::uint32_t> lasts(words()), links(words(), 0), next_lasts, next_links;
    for (Word number = 0; number < words(); ++number) {
        table->add(1, &number, views_[0].log_prob(number), views_[0].backoff(number));
        lasts[number] = number;
    }
    std::vector<Word> all = lasts, next_all;  // [count][n] words
    for (int n = 1; n < order(); ++n) {
        const View &below = views_[n - 1], &view = views_[n];
        next_lasts.clear(), next_links.clear(), next_all.clear();
        for (std::uint64_t context = 0; context < below.count; ++context) {
            const Range range = below.children(context);
            const std::uint32_t base = n == 1 ? 0 : views_[n - 2].children(links[context]).begin;
            if (range.begin != next_lasts.size() && range.size()) throw ModelError("its links are damaged");
            for (std::uint32_t place = range.begin; place < range.end; ++place) {
                const std::uint64_t link = std::uint64_t(base) + view.rank(place);
                if (link >= below.count) throw ModelError("its ranks are damaged");
                next_links.push_back(std::uint32_t(link)), next_lasts.push_back(lasts[link]);
                next_all.insert(next_all.end(), all.begin() + std::ptrdiff_t(context * n), all.begin() + std::ptrdiff_t((context + 1) * n));
                next_all.push_back(lasts[link]);
                table->add(n + 1, next_all.data() + next_all.size() - (n + 1), view.log_prob(place), view.backoff(place));
            }
        }
        if (next_lasts.size() != view.count) throw ModelError("its links are damaged");
        lasts.swap(next_lasts), links.swap(next_links), all.swap(next_all);
    }
    table->finish(true);
    return table;
}

}  // namespace ostinato::ngram
