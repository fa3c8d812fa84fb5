#include "row_stream.hpp"

#include <memory>

#include "provider.hpp"

namespace ob::sandbox {

namespace {

constexpr std::size_t kPiece = 256UL * 1024; // one takes the simulator for about a millisecond

// One field in PostgreSQL's COPY text format.
void append_field(std::string &out, std::string_view text) {
	for (const char c : text) {
		switch (c) {
		case '\\':
			out.append("\\\\");
			break;
		case '\n':
			out.append("\\n");
			break;
		case '\r':
			out.append("\\r");
			break;
		case '\t':
			out.append("\\t");
			break;
		default:
			out.push_back(c);
		}
	}
}

// A member of an object, or of objects in it: location.city. Strings lose their quotes, null and absent are \N.
void append_member(std::string &out, std::string_view object, std::string_view path) {
	const std::size_t dot = path.find('.');
	const std::string_view value = raw_member(object, path.substr(0, dot));
	if (dot != std::string_view::npos && value.starts_with('{')) {
		append_member(out, value, path.substr(dot + 1));
	} else if (dot != std::string_view::npos || value.empty() || value == "null") {
		out.append("\\N");
	} else if (value.starts_with('"')) {
		append_field(out, decode_string(value));
	} else {
		append_field(out, value);
	}
}

/// Where the stream is, and what it writes.
struct Stream {
	const Ledger *ledger = nullptr;
	RowRenderer render;
	std::string item_id; ///< empty: all
	bool json = false;
	std::vector<std::string> columns;
	std::size_t item = 0; ///< position in the ledger
	std::uint32_t index = 0;

	void append_line(std::string &out, const Item &from, const std::string &row) const;
	[[nodiscard]] std::string next();
};

void Stream::append_line(std::string &out, const Item &from, const std::string &row) const {
	if (json) {
		out.append(row).push_back('\n');
		return;
	}
	const std::size_t begin = out.size();
	for (const std::string &column : columns) {
		out.append(out.size() == begin ? "" : "\t");
		if (column == "item_id") {
			append_field(out, from.id);
		} else if (column == "raw") {
			append_field(out, row);
		} else {
			append_member(out, row, column);
		}
	}
	out.push_back('\n');
}

std::string Stream::next() {
	std::string out;
	for (; item < ledger->items().size(); ++item, index = 0) {
		const Item &from = ledger->items()[item];
		if (!item_id.empty() && from.id != item_id) {
			continue;
		}
		while (const auto at = from.transactions.at_or_after(index)) {
			index = *at + 1;
			if (!from.transactions.state(*at).live()) {
				continue;
			}
			std::string row;
			render(row, from, *at);
			append_line(out, from, row);
			if (out.size() >= kPiece) {
				return out;
			}
		}
	}
	return out;
}

} // namespace

std::function<std::string()> stream_rows(const Ledger &ledger, const std::string &item_id, const Command &command,
                                         std::vector<std::string> usual_columns, RowRenderer render) {
	auto stream = std::make_shared<Stream>();
	stream->ledger = &ledger;
	stream->render = std::move(render);
	stream->item_id = item_id;
	const std::string format = command.text("format", "copy");
	if (format != "copy" && format != "json") {
		throw ControlError{"format must be copy or json"};
	}
	stream->json = format == "json";
	stream->columns = command.body.has("columns") ? command.body.get("columns").texts() : std::move(usual_columns);
	if (stream->columns.empty()) {
		throw ControlError{"columns must be a list of names"};
	}
	return [stream] { return stream->next(); };
}

} // namespace ob::sandbox
