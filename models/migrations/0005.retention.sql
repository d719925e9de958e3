-- Indexes by which old rows are found.

ALTER TABLE tb_room ADD KEY by_age (create_time);

ALTER TABLE tb_undelivered_callback ADD KEY by_age (create_time);
